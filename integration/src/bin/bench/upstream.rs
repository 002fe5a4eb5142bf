//! A provider that costs next to nothing: prepared bytes, chosen by one request header.
//!
//! It also takes OTLP exports and answers them with nothing.

use crate::head::{end_of_head, number, value};
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Names the wanted answer: `json`, `sse` (a write for each event), `lump` (one write for all) or `paced` (with pauses).
pub(crate) const ANSWER_HEADER: &str = "x-bench-answer";
/// Events in a stream.
const EVENTS: usize = 50;
/// Between two paced events.
const PAUSE: Duration = Duration::from_millis(10);

struct Answers {
    json: Vec<u8>,
    sse_head: Vec<u8>,
    events: Vec<Vec<u8>>,
    sse: Vec<u8>,
    nothing: Vec<u8>,
}

/// Starts on a thread of its own and never ends before the program does.
pub(crate) fn start() -> SocketAddr {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free loopback port");
            tell.send(listener.local_addr().expect("an address")).expect("somebody waits for it");
            let answers = Arc::new(Answers::prepare());
            while let Ok((stream, _)) = listener.accept().await {
                let answers = Arc::clone(&answers);
                // Ends with an error when Envoy closes, which is how it always ends.
                tokio::spawn(async move { drop(serve(stream, &answers).await) });
            }
        });
    });
    told.recv().expect("the upstream starts")
}

async fn serve(mut stream: TcpStream, answers: &Answers) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(256 * 1024);
    loop {
        let head = read_request(&mut stream, &mut buffer).await?;
        let head = &buffer[..head];
        if !head.starts_with(b"POST /v1/chat") {
            stream.write_all(&answers.nothing).await?;
        } else if value(head, ANSWER_HEADER) == Some(b"json") {
            stream.write_all(&answers.json).await?;
        } else if value(head, ANSWER_HEADER) == Some(b"lump") {
            stream.write_all(&answers.sse).await?;
        } else {
            let paced = value(head, ANSWER_HEADER) == Some(b"paced");
            stream.write_all(&answers.sse_head).await?;
            for event in &answers.events {
                if paced {
                    tokio::time::sleep(PAUSE).await;
                }
                stream.write_all(event).await?;
            }
            stream.write_all(b"0\r\n\r\n").await?;
        }
        buffer.clear();
    }
}

/// Reads one request whole; the buffer then holds it and nothing else, as nobody pipelines.
async fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<usize> {
    loop {
        if stream.read_buf(buffer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let Some(head) = end_of_head(buffer) else { continue };
        let is_whole = match value(&buffer[..head], "content-length") {
            Some(length) => buffer.len() - head >= number(length),
            None => buffer.ends_with(b"\r\n0\r\n\r\n"),
        };
        if is_whole {
            return Ok(head);
        }
    }
}

impl Answers {
    fn prepare() -> Self {
        let head = |rest: &str| format!("HTTP/1.1 200 OK\r\nx-request-id: req_bench\r\n{rest}\r\n\r\n");
        let body = json_answer();
        let json = head(&format!("content-type: application/json\r\ncontent-length: {}", body.len())) + &body;
        let sse_head = head("content-type: text/event-stream\r\ntransfer-encoding: chunked").into_bytes();
        let events: Vec<Vec<u8>> = events().into_iter().map(|event| chunk(&event)).collect();
        let sse = [sse_head.clone(), events.concat(), b"0\r\n\r\n".to_vec()].concat();
        let nothing = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec();
        Self { json: json.into_bytes(), sse_head, events, sse, nothing }
    }
}

fn chunk(event: &str) -> Vec<u8> {
    format!("{:x}\r\n{event}\r\n", event.len()).into_bytes()
}

fn json_answer() -> String {
    json!({
        "id": "chatcmpl-bench", "object": "chat.completion", "created": 1_770_000_000, "model": "gpt-4o-mini",
        "choices": [{"index": 0, "finish_reason": "stop", "logprobs": null,
            "message": {"role": "assistant", "content": "word ".repeat(128), "refusal": null}}],
        "usage": {"prompt_tokens": 240, "completion_tokens": 128, "total_tokens": 368,
            "prompt_tokens_details": {"cached_tokens": 0}, "completion_tokens_details": {"reasoning_tokens": 0}},
    })
    .to_string()
}

/// [`EVENTS`] events: text, then the usage, then the end.
fn events() -> Vec<String> {
    let event = |choices, usage| {
        let chunk = json!({
            "id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1_770_000_000,
            "model": "gpt-4o-mini", "system_fingerprint": "fp_bench", "choices": choices, "usage": usage,
        });
        format!("data: {chunk}\n\n")
    };
    let text = json!([{"index": 0, "delta": {"content": "word "}, "logprobs": null, "finish_reason": null}]);
    let usage = json!({"prompt_tokens": 240, "completion_tokens": 48, "total_tokens": 288});
    let mut events = vec![event(text, json!(null)); EVENTS - 2];
    events.push(event(json!([]), usage));
    events.push("data: [DONE]\n\n".to_owned());
    events
}
