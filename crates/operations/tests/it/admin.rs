//! Maintenance: with a key, in the audit log, and with the effect of the operator's own method.

use crate::{wire::Answer, world::World};
use bmn_rpc::{AUDIT_BYTES, AuditEntry, AuditLog, JwtKey};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{io::AsyncWriteExt, net::TcpStream};

struct Operated {
    world: World,
    key: JwtKey,
    directory: TempDir,
}

impl Operated {
    async fn new() -> Self {
        let (key, directory) = (JwtKey::random(), tempfile::tempdir().unwrap());
        let path = directory.path().join("audit.log");
        let audit = AuditLog::open(&path, AUDIT_BYTES, || 77).unwrap();
        Self { world: World::operated(key, audit).await, key, directory }
    }

    async fn ask(&self, body: &str) -> Answer {
        let token = format!("authorization: Bearer {}", self.key.token().unwrap());
        self.world.post(&[&token], body).await
    }

    fn kept(&self) -> Vec<AuditEntry> {
        let text = std::fs::read_to_string(self.directory.path().join("audit.log")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    async fn modes(&self) -> Value {
        self.world.fixture.ok("bmn_getMode", json!([])).await
    }
}

#[tokio::test]
async fn maintenance_is_switched_on_and_off_and_every_call_is_kept() {
    let operated = Operated::new().await;
    let on = operated.ask(r#"{"on":true,"reason":"the disk is swapped"}"#).await;
    assert_eq!((on.status, on.json()), (200, operated.modes().await));
    assert_eq!(on.json()["switches"], json!([{ "kind": "maintenance" }]));
    assert_eq!(on.json()["takesOrders"], false);
    let again = operated.ask(r#"{"on":true}"#).await;
    assert_eq!((again.status, again.json()), (200, on.json()), "twice is once");
    let off = operated.ask(r#"{"on":false}"#).await;
    assert_eq!((off.status, &off.json()["takesOrders"]), (200, &json!(true)));
    assert_eq!(operated.modes().await, off.json());
    let kept = operated.kept();
    let params: Vec<_> = kept.iter().map(|entry| entry.params.clone().unwrap()).collect();
    let reason = json!({ "on": true, "reason": ["the", "disk", "is", "swapped"] });
    assert_eq!(params, [reason, json!({ "on": true }), json!({ "on": false })]);
    let caller = Some([127, 0, 0, 1].into());
    assert!(kept.iter().all(|entry| (entry.time, entry.caller, entry.outcome) == (77, caller, 0)));
    assert!(kept.iter().all(|entry| entry.method == "POST /api/v1/admin/maintenance"));
}

#[tokio::test]
async fn what_looks_like_a_key_is_not_kept() {
    let operated = Operated::new().await;
    let key = "5e".repeat(32);
    let answer = operated.ask(&format!(r#"{{"on":true,"reason":"key {key}"}}"#)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let kept = operated.kept();
    assert_eq!(kept[0].params, Some(json!({ "on": true, "reason": ["key", "(not kept)"] })));
}

#[tokio::test]
async fn nobody_changes_anything_without_a_good_token() {
    let operated = Operated::new().await;
    let stranger = format!("authorization: Bearer {}", JwtKey::random().token().unwrap());
    for (lines, told) in [
        (vec![], "no Authorization header"),
        (vec![stranger.as_str()], "not signed with the key"),
        (vec!["authorization: Basic eDpZ"], "not `Bearer`"),
    ] {
        let answer = operated.world.post(&lines, r#"{"on":true}"#).await;
        assert_eq!(answer.status, 401, "{answer:?}");
        assert!(answer.head.contains("www-authenticate: bearer"), "{answer:?}");
        assert!(answer.json()["detail"].as_str().unwrap().contains(told), "{answer:?}");
    }
    assert_eq!(operated.modes().await["switches"], json!([]));
    assert_eq!(operated.kept(), []);

    let answer = World::new().await.post(&[&stranger], r#"{"on":true}"#).await;
    assert_eq!(answer.status, 403);
    assert!(answer.json()["detail"].as_str().unwrap().contains("set admin_rpc or jwt_secret"));
}

#[tokio::test]
async fn a_body_that_is_wrong_or_too_large_changes_nothing() {
    let operated = Operated::new().await;
    for (body, parameter) in [("", Value::Null), ("{}", json!("on")), (r#"{"on":1}"#, json!("on"))]
    {
        let answer = operated.ask(body).await;
        assert_eq!((answer.status, &answer.json()["parameter"]), (400, &parameter), "{body}");
    }
    let large = format!(r#"{{"on":true,"reason":"{}"}}"#, "x".repeat(5_000));
    assert_eq!(operated.ask(&large).await.status, 413);
    // One that does not say how long it is.
    let token = operated.key.token().unwrap();
    let head = format!(
        "POST /api/v1/admin/maintenance HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
         transfer-encoding: chunked\r\n\r\n{:x}\r\n{large}\r\n0\r\n\r\n",
        large.len()
    );
    let mut stream = TcpStream::connect(operated.world.port.address()).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(crate::wire::read(&mut stream).await.status, 413);
    assert_eq!((operated.modes().await["switches"].clone(), operated.kept()), (json!([]), vec![]));
}
