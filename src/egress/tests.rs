use std::sync::Mutex;

use super::*;
use crate::models::testing::{Answer, Hub};

#[derive(Default)]
struct Records(Mutex<Vec<AuditRecord>>);

impl AuditSink for Records {
    fn record(&self, record: AuditRecord) {
        self.0.lock().unwrap().push(record);
    }
}

impl Records {
    fn outcomes(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(|record| format!("{} {}", record.destination, record.outcome)).collect()
    }
}

fn door(policy: EgressPolicy) -> (Egress, Arc<Records>) {
    let records = Arc::new(Records::default());
    (Egress::new(policy, Arc::clone(&records) as _), records)
}

async fn body(egress: &Egress, url: &str, from: u64) -> Result<Vec<u8>, EgressError> {
    let mut download = egress.get(Purpose::Models, url, from).await?;
    let mut bytes = Vec::new();
    while let Some(chunk) = download.chunk().await? {
        bytes.extend_from_slice(chunk.as_ref());
    }
    Ok(bytes)
}

#[tokio::test]
async fn what_is_allowed_comes_and_leaves_a_record_without_path_or_query() {
    let hub = Hub::start(|asked| Answer::file(asked, b"0123456789")).await;
    let (egress, records) = door(EgressPolicy::for_hub(&hub.endpoint).unwrap());
    assert_eq!(body(&egress, &format!("{}/file?token=secret", hub.endpoint), 0).await.unwrap(), b"0123456789");
    assert_eq!(body(&egress, &format!("{}/file", hub.endpoint), 4).await.unwrap(), b"456789");
    assert_eq!(records.outcomes(), [format!("{} 200", hub.endpoint), format!("{} 206", hub.endpoint)]);
    assert_eq!(records.0.lock().unwrap()[1].bytes, 6);
}

#[tokio::test]
async fn sealed_means_that_no_connection_is_made() {
    let hub = Hub::start(|asked| Answer::file(asked, b"x")).await;
    let (egress, records) = door(EgressPolicy::for_hub(&hub.endpoint).unwrap().sealed(true));
    assert!(matches!(body(&egress, &hub.endpoint, 0).await, Err(EgressError::Sealed)));
    assert!(!egress.answers(Purpose::Models, &hub.endpoint, Duration::from_secs(1)).await);
    let folder = tempfile::tempdir().unwrap();
    let wheel = PipRequest { package: "six", version: "1.0", directory: folder.path(), target: None };
    assert!(matches!(egress.run_pip(wheel, |_| ()).await, Err(EgressError::Sealed)));
    assert!(hub.asked().is_empty());
    assert!(records.outcomes().iter().all(|outcome| outcome.ends_with("sealed")));
    assert_eq!(records.outcomes().len(), 3);
}

#[tokio::test]
async fn a_redirect_to_a_destination_that_is_not_listed_is_refused() {
    let other = Hub::start(|asked| Answer::file(asked, b"stolen")).await;
    let target = format!("{}/elsewhere", other.endpoint);
    let hub = Hub::start(move |_| Answer::redirect(&target)).await;
    let (egress, records) = door(EgressPolicy::for_hub(&hub.endpoint).unwrap());
    let error = body(&egress, &format!("{}/file", hub.endpoint), 0).await.unwrap_err();
    assert!(error.to_string().contains("not on the list"), "{error}");
    assert!(other.asked().is_empty());
    assert!(records.outcomes().last().unwrap().contains("refused"));
}

#[tokio::test]
async fn redirects_on_the_list_are_followed_but_not_for_ever() {
    let hub = Hub::start(|asked| match asked.path.as_str() {
        "/here" => Answer::redirect("/there"),
        "/there" => Answer::file(asked, b"found"),
        _ => Answer::redirect("/round"),
    })
    .await;
    let (egress, _) = door(EgressPolicy::for_hub(&hub.endpoint).unwrap());
    assert_eq!(body(&egress, &format!("{}/here", hub.endpoint), 0).await.unwrap(), b"found");
    assert!(body(&egress, &format!("{}/round", hub.endpoint), 0).await.unwrap_err().to_string().contains("too many redirects"));
}

#[tokio::test]
async fn the_metadata_service_is_refused_in_every_spelling() {
    let (egress, records) = door(EgressPolicy::for_hub(DEFAULT_HUB).unwrap());
    let spellings = [
        "http://169.254.169.254/latest",
        "http://2852039166/",
        "http://0xa9fea9fe/",
        "http://0251.0376.0251.0376/",
        "http://169.254.43518/",
        "http://[::ffff:169.254.169.254]/",
        "http://[::ffff:a9fe:a9fe]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "https://169.254.169.254:443/",
        "http://127.0.0.1/",
        "http://localhost/",
        "http://127.1/",
        "http://[::1]/",
        "http://huggingface.co/",
        "https://huggingface.co:444/",
        "https://huggingface.co.evil.example/",
        "https://evilhf.co/",
        "https://user@huggingface.co/",
        "file:///etc/passwd",
        "not a url",
    ];
    for url in spellings {
        assert!(matches!(egress.get(Purpose::Models, url, 0).await, Err(EgressError::Refused { .. })), "{url}");
    }
    assert_eq!(records.outcomes().len(), spellings.len());
    assert!(
        EgressPolicy::for_hub("http://169.254.169.254")
            .unwrap()
            .check(Purpose::Models, &Url::parse("http://169.254.169.254/").unwrap())
            .is_err()
    );
}

#[test]
fn the_hub_s_own_file_hosts_are_on_the_list() {
    let policy = EgressPolicy::for_hub("https://huggingface.co/").unwrap();
    for url in [
        "https://huggingface.co/x",
        "https://cdn-lfs-us-1.hf.co/x",
        "https://cdn-lfs.huggingface.co/x",
        "https://cas-bridge.xethub.hf.co/x",
    ] {
        assert_eq!(policy.check(Purpose::Models, &Url::parse(url).unwrap()), Ok(()), "{url}");
    }
}

#[tokio::test]
async fn a_name_that_points_into_the_private_network_is_refused() {
    // `localhost` stands for any name that resolves to a private address; here it is on the list, but not by the operator.
    let policy = EgressPolicy::for_hub(DEFAULT_HUB).unwrap();
    assert!(!policy.may_resolve_to("huggingface.co", "127.0.0.1".parse().unwrap()));
    assert!(!policy.may_resolve_to("huggingface.co", "10.0.0.1".parse().unwrap()));
    assert!(policy.may_resolve_to("huggingface.co", "13.32.0.1".parse().unwrap()));
    let own = EgressPolicy::for_hub("http://hub.internal:8080").unwrap();
    assert!(own.may_resolve_to("hub.internal", "10.0.0.1".parse().unwrap()));
    assert!(!own.may_resolve_to("hub.internal", "169.254.169.254".parse().unwrap()));
}

#[tokio::test]
async fn a_body_that_breaks_off_is_an_error_and_not_a_short_file() {
    let hub = Hub::start(|asked| Answer { cut_after: Some(5), ..Answer::file(asked, b"0123456789") }).await;
    let (egress, _) = door(EgressPolicy::for_hub(&hub.endpoint).unwrap());
    assert!(matches!(body(&egress, &hub.endpoint, 0).await, Err(EgressError::Broken { .. })));
}

fn question(method: &str, address: String, body: &[u8]) -> http::Request<Vec<u8>> {
    http::Request::builder().method(method).uri(address).body(body.to_vec()).unwrap()
}

#[tokio::test]
async fn an_exchange_hands_every_answer_through_as_it_is() {
    let hub = Hub::start(|asked| match asked.path.as_str() {
        "/refuses?code=secret" => Answer {
            status: 400,
            headers: vec![("content-type".into(), "application/json".into())],
            body: b"{\"error\":\"invalid_grant\"}".to_vec(),
            ..Answer::default()
        },
        _ => Answer { status: 200, body: b"fine".to_vec(), ..Answer::default() },
    })
    .await;
    let (egress, records) = door(EgressPolicy::default().allow(Purpose::Provider, &hub.endpoint).unwrap());
    let fine = egress.exchange(Purpose::Provider, question("GET", format!("{}/fine", hub.endpoint), b"")).await.unwrap();
    assert_eq!((fine.status().as_u16(), fine.body().as_slice()), (200, b"fine".as_slice()));
    let asked = question("POST", format!("{}/refuses?code=secret", hub.endpoint), b"code=secret");
    let refused = egress.exchange(Purpose::Provider, asked).await.unwrap();
    assert_eq!(refused.status(), 400);
    assert_eq!(refused.headers()["content-type"], "application/json");
    assert_eq!(refused.body(), b"{\"error\":\"invalid_grant\"}");
    assert_eq!(hub.asked()[1].method, "POST");
    assert_eq!(records.outcomes(), [format!("{} 200", hub.endpoint), format!("{} 400", hub.endpoint)]);
    assert_eq!(records.0.lock().unwrap()[1].bytes, 25);
}

#[tokio::test]
async fn an_exchange_follows_no_redirect() {
    let other = Hub::start(|asked| Answer::file(asked, b"stolen")).await;
    let target = format!("{}/elsewhere", other.endpoint);
    let hub = Hub::start(move |_| Answer::redirect(&target)).await;
    let policy = EgressPolicy::default().allow(Purpose::Provider, &hub.endpoint).unwrap();
    // Not even where it could be reached.
    let (egress, _) = door(policy.allow(Purpose::Provider, &other.endpoint).unwrap());
    let answer = egress.exchange(Purpose::Provider, question("POST", format!("{}/token", hub.endpoint), b"secret")).await.unwrap();
    assert_eq!(answer.status(), 302);
    assert!(other.asked().is_empty());
}

#[tokio::test]
async fn an_exchange_takes_no_answer_without_end() {
    let hub = Hub::start(|asked| match asked.path.as_str() {
        "/most" => Answer { status: 200, body: vec![b'x'; 1024 * 1024], ..Answer::default() },
        _ => Answer { status: 200, body: vec![b'x'; 1024 * 1024 + 1], ..Answer::default() },
    })
    .await;
    let (egress, records) = door(EgressPolicy::default().allow(Purpose::Certificates, &hub.endpoint).unwrap());
    let most = egress.exchange(Purpose::Certificates, question("GET", format!("{}/most", hub.endpoint), b"")).await.unwrap();
    assert_eq!(most.body().len(), 1024 * 1024);
    let error = egress.exchange(Purpose::Certificates, question("GET", format!("{}/more", hub.endpoint), b"")).await.unwrap_err();
    assert!(error.to_string().contains("longer than 1048576 bytes"), "{error}");
    assert!(records.outcomes()[1].contains("failed: its answer is longer"), "{:?}", records.outcomes());
}

#[tokio::test]
async fn an_exchange_goes_where_its_purpose_may_and_nowhere_of_a_sealed_server() {
    let hub = Hub::start(|asked| Answer::file(asked, b"x")).await;
    let asked = || question("POST", format!("{}/token", hub.endpoint), b"secret");
    let (egress, records) = door(EgressPolicy::default().allow(Purpose::Provider, &hub.endpoint).unwrap());
    assert!(matches!(egress.exchange(Purpose::Certificates, asked()).await, Err(EgressError::Refused { .. })));
    let metadata = question("GET", "http://169.254.169.254/latest".into(), b"");
    assert!(matches!(egress.exchange(Purpose::Provider, metadata).await, Err(EgressError::Refused { .. })));
    assert!(records.outcomes().iter().all(|outcome| outcome.contains("refused: ")), "{:?}", records.outcomes());
    assert_eq!(records.outcomes().len(), 2);
    let (sealed, records) = door(EgressPolicy::default().allow(Purpose::Provider, &hub.endpoint).unwrap().sealed(true));
    assert!(matches!(sealed.exchange(Purpose::Provider, asked()).await, Err(EgressError::Sealed)));
    assert_eq!(records.outcomes(), [format!("{} sealed", hub.endpoint)]);
    assert!(hub.asked().is_empty());
}

#[test]
fn whom_to_believe_is_said_in_certificates() {
    for nonsense in [&b""[..], b"no PEM at all"] {
        assert!(EgressPolicy::default().trusting_only(nonsense).is_err());
    }
}
