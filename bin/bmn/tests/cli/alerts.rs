//! `bmn alerts test`.

use crate::{
    bmn::{Done, run_in},
    run_node::config,
};
use serde_json::json;
use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
};

/// Runs it with this section in a configuration.
fn tried(alerts: &str) -> Done {
    let directory = tempfile::tempdir().unwrap();
    let text = config(["http://127.0.0.1:9", "http://127.0.0.1:9"], alerts);
    fs::write(directory.path().join("bmn.toml"), text).unwrap();
    run_in(directory.path(), "alerts test --config bmn.toml --json", "")
}

/// Reads a request whole, and answers it.
fn answered(mut stream: TcpStream) -> String {
    let (mut request, mut more) = (String::new(), [0; 4_096]);
    while !request.ends_with("}") {
        let length = stream.read(&mut more).unwrap();
        request.push_str(std::str::from_utf8(&more[..length]).unwrap());
    }
    stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").unwrap();
    request
}

#[test]
fn a_test_message_is_sent_and_what_came_back_is_said() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook/KEY", listener.local_addr().unwrap());
    let (done, request) = std::thread::scope(|scope| {
        let request = scope.spawn(|| answered(listener.accept().unwrap().0));
        (tried(&format!("[alerts]\nwebhook = \"{url}\"\n")), request.join().unwrap())
    });
    assert_eq!((done.code, done.json()["status"].clone()), (0, json!(204)), "{}", done.stderr);
    assert!(request.starts_with("POST /hook/KEY ") && request.contains(r#""state":"test""#));
    assert!(!done.stdout.contains("KEY") && !done.stderr.contains("KEY"));
}

#[test]
fn a_route_that_does_not_answer_has_exit_code_1_and_none_at_all_is_a_mistake() {
    let done = tried("[alerts]\nwebhook = \"http://127.0.0.1:9/KEY\"\n");
    assert_eq!(done.code, 1, "{}", done.stderr);
    assert!(done.stderr.contains("webhook: it does not answer"), "{}", done.stderr);
    assert!(!done.stderr.contains("KEY"), "{}", done.stderr);
    let done = tried("");
    assert!(
        done.code == 2 && done.stderr.contains("`alerts.webhook` is not set"),
        "{}",
        done.stderr
    );
    let done = tried("[alerts]\nwebhook = \"env:BMN_NO_SUCH_WEBHOOK\"\n");
    assert!(done.code == 2 && done.stderr.contains("BMN_NO_SUCH_WEBHOOK"), "{}", done.stderr);
}
