//! The whole way: a call is refused, its refusal goes through `genops grant new --from -`, and the grant opens the call.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod command;

use std::rc::Rc;

use genops::config::{Config, parse};
use genops::exchange::{Event, Exchange, Flow, LocalReply};
use genops::headers::{HeaderPairs, Headers};
use genops::ports::{Clock, Expected, Properties, Random, Store, StoreError, Version};
use genops::testing::MemoryStore;
use genops::timestamp::Timestamp;
use serde_json::{Value, json};

/// The machine's own clock: the command line signs by it.
struct World(MemoryStore);

impl Store for World {
    fn get(&self, key: &str) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        self.0.get(key)
    }

    fn compare_and_set(&self, key: &str, bytes: &[u8], expected: Expected) -> Result<(), StoreError> {
        self.0.compare_and_set(key, bytes, expected)
    }
}

impl Clock for World {
    #[allow(clippy::disallowed_methods)]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        Timestamp::from_seconds(since.as_secs())
    }
}

impl Random for World {
    fn bits128(&self) -> Option<u128> {
        Some(1)
    }
}

impl Properties for World {
    fn property(&self, _: &[&str]) -> Option<Vec<u8>> {
        None
    }
}

fn genops(arguments: &[&str], input: &str) -> String {
    let ran = command::run(command::genops().arg("grant").args(arguments), input.as_bytes());
    assert_eq!(ran.code, 0, "{}", ran.errors);
    ran.output.trim().to_owned()
}

/// The refusal, or `None` where the call goes upstream.
fn call(
    config: &Rc<Config>,
    world: &World,
    host: &str,
    path: &str,
    grant: Option<&str>,
    body: &Value,
) -> Option<LocalReply> {
    let mut headers: Vec<(&[u8], &[u8])> = vec![
        (b":method", b"POST"),
        (b":authority", host.as_bytes()),
        (b":path", path.as_bytes()),
        (b"x-genops-team", "Zürich \"A\"".as_bytes()),
        (b"x-genops-project", b"chatbot"),
        (b"x-genops-environment", b"production"),
    ];
    headers.extend(grant.map(|grant| (&b"x-genops-grant"[..], grant.as_bytes())));
    let mut exchange = Exchange::new(config.clone());
    let pairs = HeaderPairs::new(&headers);
    let request = Event::RequestHeaders { headers: Headers::of(&pairs), end_of_stream: false };
    assert_eq!(exchange.step(request, world).flow, Flow::Hold);
    match exchange.step(Event::RequestBody { body: body.to_string().as_bytes() }, world).flow {
        Flow::Reply(reply) => Some(*reply),
        Flow::Continue => None,
        Flow::Hold => panic!("still held"),
    }
}

#[test]
fn a_refusal_of_every_dialect_can_be_turned_into_the_grant_that_it_asks_for() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("grant-round-trip");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("key.json").to_str().unwrap().to_owned();
    let entry: Value =
        serde_json::from_str(&genops(&["keygen", "--kid", "ops", "--out", &file], "")).unwrap();
    let price =
        json!({"model": "*", "currency": "USD", "input_per_million": 1, "output_per_million": 3.333_333_333});
    let config = json!({
        "prices": [price],
        "approvals": {"audience": "edge", "keys": [entry], "gates": [
            {"name": "tokens", "unit": "tokens", "above": 10}, {"name": "money", "unit": "USD", "above": 0.000_001},
        ]},
    });
    let config = Rc::new(parse(&config.to_string()).unwrap());
    let world = World(MemoryStore::default());
    let chat = json!({"model": "m", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 50});
    let calls = [
        ("api.openai.com", "/v1/chat/completions", chat.clone()),
        ("api.anthropic.com", "/v1/messages", chat.clone()),
        ("generativelanguage.googleapis.com", "/v1beta/models/m:generateContent", json!({"contents": []})),
        ("bedrock-runtime.us-east-1.amazonaws.com", "/model/m/converse", json!({"messages": []})),
        ("api.mistral.ai", "/v1/chat/completions", chat.clone()),
        ("api.cohere.com", "/v2/chat", chat.clone()),
        ("localhost:11434", "/api/chat", chat),
    ];
    for (host, path, body) in calls {
        let refused =
            call(&config, &world, host, path, None, &body).unwrap_or_else(|| panic!("{host}: let through"));
        let header = refused.headers.iter().find(|(name, _)| *name == "x-genops-approval-request").unwrap();
        let in_header = format!("HTTP/1.1 403\r\n{}: {}\r\n\r\n", header.0, header.1);
        assert!(header.1.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{}", header.1);
        for refusal in [in_header, String::from_utf8(refused.body).unwrap()] {
            let grant = genops(&["new", "--approver", "alice", "--key", &file, "--from", "-"], &refusal);
            let opened = call(&config, &world, host, path, Some(&grant), &body);
            assert!(opened.is_none(), "{host}: {}", String::from_utf8_lossy(&opened.unwrap().body));
            assert!(call(&config, &world, host, path, Some(&grant), &body).is_some(), "{host}: used twice");
        }
    }
}
