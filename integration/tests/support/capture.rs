//! One run of mixed traffic through real Envoy, and everything that was told of it, for many tests to judge.
//!
//! The run is made once: by the first test that asks, for all tests of its process, and for all processes of one
//! nextest run through a file that the run's id names.

use super::calls::{CAP, INPUT, PATH, RESERVED, chat, chat_streamed, embeddings, responses};
use super::settlement::read_words;
use super::telemetry::{EVALUATED, RECONCILIATION, awu_id, span_id};
use super::{Setup, Stage, config};
use lab::simulator::{Cut, Hold};
use lab::{Answer, Behaviour, Gate, LogRecord, Span, wait};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::OnceCell;

/// What the budget of each team holds.
pub(crate) const LIMIT: u64 = 400;

/// The traffic and its telemetry, as plain JSON:
/// `calls` (`name`, `fate`, `awu`, `status`, `headers`), `spans` (`awu`, `attributes`), `events` (`awu`, `name`, `at`,
/// `attributes`), and how many calls reached the provider.
pub(crate) async fn capture() -> Value {
    static MADE: OnceCell<Value> = OnceCell::const_new();
    let made = MADE.get_or_init(async || match std::env::var("NEXTEST_RUN_ID") {
        Ok(run) => shared(&run).await,
        Err(_) => make().await,
    });
    made.await.clone()
}

/// The first process makes it, the others wait for its file.
async fn shared(run: &str) -> Value {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    std::fs::create_dir_all(&folder).expect("cargo's folder for tests");
    let (claim, file) =
        (folder.join(format!("capture-{run}.claim")), folder.join(format!("capture-{run}.json")));
    let is_first = std::fs::OpenOptions::new().write(true).create_new(true).open(&claim).is_ok();
    if is_first {
        forget_old(&folder);
        let made = make().await;
        let draft = folder.join(format!("capture-{run}.draft"));
        std::fs::write(&draft, made.to_string()).expect("a file in cargo's folder");
        std::fs::rename(draft, file).expect("a rename within a folder");
        return made;
    }
    let read = async || std::fs::read_to_string(&file).ok();
    let text = wait::until(Duration::from_secs(60), read).await;
    let text = text.expect("the test that makes the capture failed; its own report says why");
    serde_json::from_str(&text).expect("it was written as JSON")
}

/// Removes captures of runs that ended long ago.
fn forget_old(folder: &std::path::Path) {
    const OLD: Duration = Duration::from_secs(3_600);
    for entry in std::fs::read_dir(folder).expect("cargo's folder for tests").flatten() {
        let is_capture = entry.file_name().to_string_lossy().starts_with("capture-");
        let age = entry.metadata().and_then(|data| data.modified()).ok().and_then(|time| time.elapsed().ok());
        if is_capture && age.is_some_and(|age| age > OLD) {
            // Another process may have been faster.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Calls whose budget only warns are of this project.
const WARNED: &str = "warned";

fn configuration() -> Value {
    let mut config = config::tokens();
    config["prices"] = config::prices();
    config["budgets"] = json!([
        config::budget("team-tokens", LIMIT),
        {"name": "project-soft", "per": ["project"], "unit": "tokens", "limit": 1_000_000, "window": "month",
            "mode": "warn", "limits": {WARNED: 0}},
    ]);
    config
}

struct Run {
    stage: Stage,
    calls: Vec<Value>,
}

async fn make() -> Value {
    let mut setup = Setup::new(configuration()).await;
    setup.launch.concurrency = 2;
    let mut run = Run { stage: setup.start().await, calls: Vec::new() };
    run.whole().await;
    run.refused().await;
    run.broken().await;
    run.told().await;
    let reached = run.stage.simulator.received().len();
    let mut all = json!({"calls": run.calls, "reached": reached});
    let (mut spans, mut events) = telemetry(&run.stage);
    let mut nobody = nobody_home().await;
    nobody.told().await;
    let (more_spans, more_events) = telemetry(&nobody.stage);
    spans.extend(more_spans);
    events.extend(more_events);
    all["calls"].as_array_mut().expect("a list").extend(nobody.calls);
    all["spans"] = json!(spans);
    all["events"] = json!(events);
    all
}

impl Run {
    fn note(&mut self, name: &str, fate: &str, answer: &Answer) {
        let headers: Value = answer
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), json!(String::from_utf8_lossy(value.as_bytes()))))
            .collect::<serde_json::Map<_, _>>()
            .into();
        self.calls.push(json!({
            "name": name, "fate": fate, "awu": awu_id(answer), "status": answer.status, "headers": headers,
        }));
    }

    async fn call(&mut self, name: &str, fate: &str, path: &str, headers: &[(&str, &str)], body: &Value) {
        let answer = self.stage.http1().post(path, headers, body).await;
        self.note(name, fate, &answer);
    }

    async fn whole(&mut self) {
        let full = [
            ("x-genops-team", "search"),
            ("x-genops-project", "alpha"),
            ("x-genops-customer-id", "c-17"),
            ("x-genops-feature", "chat"),
        ];
        self.call("chat", "executed", PATH, &full, &chat(CAP)).await;
        self.call("chat again", "executed", PATH, &full, &chat(CAP)).await;
        self.call("chat streamed", "executed", PATH, &full, &chat_streamed(CAP)).await;
        self.call("responses", "executed", "/v1/responses", &full, &responses(CAP, false)).await;
        self.call("responses streamed", "executed", "/v1/responses", &full, &responses(CAP, true)).await;
        self.call("embeddings", "executed", "/v1/embeddings", &[("x-genops-team", "ads")], &embeddings())
            .await;
        let warned = [("x-genops-team", "ads"), ("x-genops-project", WARNED)];
        self.call("warned", "executed", PATH, &warned, &chat(CAP)).await;
        // The same call in the same state of two accounts.
        for (name, team) in [("twin one", "castor"), ("twin two", "pollux")] {
            self.call(name, "executed", PATH, &[("x-genops-team", team)], &chat(CAP)).await;
        }
        // An id that the client claims is not the AWU's.
        let forged = [("x-genops-team", "ads"), ("x-genops-awu-id", "mine"), ("x-genops-trace", "mine")];
        self.call("forged", "executed", PATH, &forged, &chat(1)).await;
    }

    async fn refused(&mut self) {
        let castor = [("x-genops-team", "castor")];
        self.call("too little left", "refused", PATH, &castor, &chat(LIMIT - INPUT)).await;
        self.call("too little left, tried again", "refused", PATH, &castor, &chat(LIMIT - INPUT)).await;
        // All that is left is consumed to the last token.
        let spender = [("x-genops-team", "spender"), ("x-sim-output-tokens", "390")];
        self.call("spends all", "executed", PATH, &spender, &chat(LIMIT - INPUT)).await;
        self.call("nothing left", "refused", PATH, &spender, &chat(1)).await;
        self.call("nameless", "refused", PATH, &[("x-genops-team", "unknown")], &chat(1)).await;
        self.call("unreadable", "refused", PATH, &castor, &json!({"model": 7})).await;
    }

    async fn broken(&mut self) {
        self.stage.simulator.next(Behaviour { status: Some(500), ..Behaviour::default() });
        self.call("failed", "executed", PATH, &[("x-genops-team", "failed")], &chat(CAP)).await;
        self.stage.simulator.next(Behaviour { cut: Cut::BeforeAnswer, ..Behaviour::default() });
        self.call("reset", "executed", PATH, &[("x-genops-team", "reset")], &chat(CAP)).await;
        self.stage.simulator.next(Behaviour { omit_usage: true, ..Behaviour::default() });
        self.call("without usage", "executed", PATH, &[("x-genops-team", "mute")], &chat(CAP)).await;
        let hold = Hold::AfterChunks(5, Gate::closed());
        self.stage.simulator.next(Behaviour { hold, ..Behaviour::default() });
        let client = self.stage.http1();
        let mut stream = client.stream(PATH, &[("x-genops-team", "aborted")], &chat_streamed(CAP)).await;
        read_words(&mut stream, 4).await;
        let (status, headers) = (stream.status, stream.headers.clone());
        self.note("aborted", "executed", &Answer { status, headers, body: Default::default() });
        stream.abort();
    }

    /// Waits until every call has its span, its decision and, if it was executed, its reconciliation.
    async fn told(&mut self) {
        for call in &self.calls {
            let awu = call["awu"].as_str().expect("an id");
            self.stage.span_of(awu).await;
            self.stage.event_of(awu, EVALUATED).await;
            if call["fate"] == "executed" {
                self.stage.event_of(awu, RECONCILIATION).await;
            }
        }
        // A last decision after all of them on each worker would carry anything that is still on its way.
        for _ in 0..4 {
            let last = self.stage.http1().chat(&[("x-genops-team", "last")], &json!({"model": 7})).await;
            self.stage.event_of(&awu_id(&last), EVALUATED).await;
            self.stage.span_of(&awu_id(&last)).await;
            self.calls.push(json!({
                "name": "last", "fate": "refused", "awu": awu_id(&last), "status": last.status, "headers": {
                    "x-genops-policy-result": "BLOCKED", "x-genops-reason-code": "x_request_unreadable",
                    "x-genops-awu-id": awu_id(&last),
                },
            }));
        }
    }
}

/// A call that was reserved and could not be sent to anybody.
async fn nobody_home() -> Run {
    let mut setup = Setup::new(configuration()).await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
    setup.options.upstream = free;
    let mut run = Run { stage: setup.start().await, calls: Vec::new() };
    run.call("unconnected", "voided", PATH, &[("x-genops-team", "search")], &chat(CAP)).await;
    assert_eq!(run.calls[0]["headers"]["x-genops-reserved"], RESERVED.to_string());
    run
}

fn telemetry(stage: &Stage) -> (Vec<Value>, Vec<Value>) {
    let span = |span: &Span| json!({"awu": span_id(span), "kind": span.kind, "attributes": span.attributes});
    let event = |event: &LogRecord| {
        json!({
            "awu": super::telemetry::event_awu(event), "name": event.event_name, "at": event.time_unix_nano,
            "attributes": event.attributes, "resource": event.resource,
        })
    };
    (stage.otlp.spans().iter().map(span).collect(), stage.otlp.logs().iter().map(event).collect())
}
