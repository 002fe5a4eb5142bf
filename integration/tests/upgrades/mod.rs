//! A provider of conversations, an Envoy that lets connections be upgraded, and who asks for it.

use super::support::{Setup, Stage};
use lab::RawConnection;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Where a provider that is asked by its model is.
pub(crate) const REALTIME: &str = "/v1/realtime?model=gpt-realtime";

/// A provider of conversations: switches protocols and sends back whatever comes, or answers with a status.
pub(crate) struct Echo {
    addr: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Echo {
    pub(crate) async fn start(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("bound");
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&heads);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, answer, Arc::clone(&seen)));
            }
        });
        Self { addr, heads }
    }

    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("not poisoned").clone()
    }
}

async fn converse(mut stream: TcpStream, answer: &'static str, heads: Arc<Mutex<Vec<String>>>) {
    let (mut head, mut buffer) = (String::new(), [0; 1024]);
    while !head.contains("\r\n\r\n") {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => head.push_str(&String::from_utf8_lossy(&buffer[..count])),
        }
    }
    heads.lock().expect("not poisoned").push(head);
    if stream.write_all(answer.as_bytes()).await.is_err() {
        return;
    }
    let (mut from, mut to) = stream.split();
    // Ends with the connection.
    let _ = tokio::io::copy(&mut from, &mut to).await;
}

/// How a provider agrees.
pub(crate) const SWITCHING: &str =
    "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";

/// Governed, in front of `echo`.
pub(crate) async fn upgrading(config: Value, echo: &Echo) -> Stage {
    let mut setup = Setup::new(config).await;
    setup.options.upstream = echo.addr;
    setup
        .start_edited(|bootstrap| {
            let manager =
                &mut bootstrap["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0];
            manager["typed_config"]["upgrade_configs"] = json!([{"upgrade_type": "websocket"}]);
            manager["typed_config"]["http2_protocol_options"] = json!({"allow_connect": true});
        })
        .await
}

/// A WebSocket's request by `team`.
pub(crate) async fn ask(stage: &Stage, host: &str, path: &str, team: &str) -> RawConnection {
    ask_with(stage, host, path, &[("x-genops-team", team)]).await
}

/// The same with these headers.
pub(crate) async fn ask_with(
    stage: &Stage,
    host: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> RawConnection {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let mut connection = RawConnection::open(stage.addr).await;
    let head = format!(
        "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         {headers}sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    );
    connection.write(head).await;
    connection
}
