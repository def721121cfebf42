//! Nothing leaves: the kernel is asked, not the code.

use std::time::Duration;

use serde_json::Value;

use crate::support::{command_line::run, processes::Signal, reading, server, server::Launch, speech, state::StateDirectory, texts, turn};

#[tokio::test]
async fn a_whole_interpretation_opens_no_internet_socket_but_the_listener() {
    let _turn = turn::together().await;
    let state = StateDirectory::with_models();
    let trace = tempfile::NamedTempFile::new().expect("a file for the trace");
    let path = trace.path().to_str().expect("UTF-8");
    let wrapper = ["strace", "-f", "-qq", "-e", "trace=network", "-o", path];
    let mut server = Launch { wrapper: &wrapper, ..Launch::default() }.start(&state).await;
    let api = server.api();
    reading::obtain(&api, &reading::request(texts::HORSE)).await;
    reading::obtain(&api, &reading::request(texts::RUSSIAN)).await;
    api.transcribe("dream.wav", &speech::spoken("The moon was made of glass.")).await.ok();
    let port = server.base.rsplit(':').next().expect("a port").to_owned();
    server.end(Signal::TERM, Duration::from_secs(30)).await;

    let trace = std::fs::read_to_string(trace.path()).expect("trace");
    let with = |needle: &str| -> Vec<&str> { trace.lines().filter(|line| line.contains(needle)).collect() };
    assert!(!with("AF_UNIX").is_empty(), "nothing was traced");
    let sockets: Vec<&str> = with("socket(AF_INET").into_iter().chain(with("socket(AF_PACKET")).collect();
    assert_eq!(sockets.len(), 1, "sockets of the internet: {sockets:#?}");
    // The tracer writes the call before its address is known to be good, so every attempt is here.
    let addresses: Vec<&str> =
        with("sa_family=AF_INET").into_iter().filter(|line| !line.contains("accept") && !line.contains("getpeername")).collect();
    let stray: Vec<&&str> = addresses.iter().filter(|line| !line.contains("127.0.0.1")).collect();
    assert!(stray.is_empty(), "{stray:#?}");
    let outward: Vec<&&str> =
        addresses.iter().filter(|line| ["connect(", "sendto(", "sendmsg("].iter().any(|call| line.contains(call))).collect();
    assert!(outward.is_empty(), "{outward:#?}");
    assert!(addresses.iter().any(|line| line.contains("bind(") || line.contains(&port)), "the listener is not in the trace");
}

/// What a child is made to try.
const ATTEMPTS: &[&str] = &["tcp", "udp", "dns", "netlink", "abstract", "io_uring", "/etc/passwd", "state", "memory", "ptrace", "exec"];

#[tokio::test]
async fn a_confined_child_of_each_profile_gets_nowhere_and_an_unconfined_one_does() {
    let server = server::shared().await;
    let ended = run(server.state.path(), ["selfcheck", "sandbox", "--json"]).await;
    let report: Value = serde_json::from_str(ended.succeeded()).expect("JSON");
    let said = report.to_string().to_lowercase();
    for word in ATTEMPTS {
        assert!(said.contains(word), "`{word}` is not in the report: {report}");
    }
    let profiles = report["profiles"].as_array().expect("profiles");
    for name in ["cpu", "gpu", "one-program", "parse"] {
        let child =
            profiles.iter().find(|child| child["confinement"]["profile"] == name).unwrap_or_else(|| panic!("no {name} in {report}"));
        assert!(child["answered"].as_str().is_some_and(|answer| !answer.is_empty()), "it had answered a request: {child}");
        let attempts = child["attempts"].as_array().expect("attempts");
        assert!(attempts.len() >= ATTEMPTS.len(), "{child}");
        let allowed: Vec<&Value> = attempts.iter().filter(|attempt| attempt["denied"] != true).collect();
        // The one program that a profile may execute is its only freedom.
        assert!(allowed.is_empty() || (name == "one-program" && allowed.len() == 1), "{name} may {allowed:?}");
    }
    let free = report["unconfined"]["attempts"].as_array().expect("attempts");
    let denied: Vec<&Value> = free.iter().filter(|attempt| attempt["denied"] != false).collect();
    assert!(free.len() >= ATTEMPTS.len() && denied.is_empty(), "the attempts must be able to succeed: {denied:?}");
    let plain = run(server.state.path(), ["selfcheck", "sandbox"]).await;
    assert!(plain.succeeded().lines().count() >= ATTEMPTS.len(), "line by line: {}", plain.stdout);
    for word in ["denied", "/etc/passwd"] {
        assert!(plain.stdout.contains(word), "{}", plain.stdout);
    }
}
