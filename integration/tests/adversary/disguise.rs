//! Values that look like another team's without being it.

use crate::support::Stage;
use crate::support::calls::chat;
use crate::support::config::{LIMIT, tokens};
use crate::support::telemetry::{awu_id, text};
use lab::RawConnection;

async fn status(stage: &Stage, team: &[u8]) -> String {
    let body = chat(5).to_string();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\nconnection: close\r\n\
         content-length: {}\r\nx-genops-team: ",
        body.len()
    );
    let mut connection = RawConnection::open(stage.addr).await;
    connection.write([head.as_bytes(), team, b"\r\n\r\n", body.as_bytes()].concat()).await;
    let answer = connection.read_to_end().await;
    answer.split(' ').nth(1).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_value_in_disguise_is_no_value_and_opens_no_account() {
    let stage = Stage::start(tokens()).await;
    let client = stage.http2();
    let disguises = [
        "sea\u{200b}rch",      // zero-width space
        "search\u{200d}",      // zero-width joiner
        "search\u{feff}",      // byte order mark
        "\u{202e}hcraes",      // right-to-left override
        "\u{2067}search",      // isolate
        "se\u{ad}arch",        // soft hyphen
        "search\u{a0}",        // no-break space
        "s\u{435}arch",        // Cyrillic е
        "se\u{251}rch\u{3b1}", // Greek α
        "\u{ff53}earch",       // fullwidth s
        "\u{1d600}earch",      // mathematical s
        "se\u{301}arch",       // combining acute
        "search\u{fe0f}",      // variation selector
        "search\u{e0041}",     // tag
        "\u{3164}",            // a letter that is blank
    ];
    for disguise in disguises {
        let answer = client.chat(&[("x-genops-team", disguise)], &chat(5)).await;
        assert_eq!(
            (answer.status, answer.header("x-genops-reason-code")),
            (403, Some("x_attribution_missing"))
        );
    }
    // No UTF-8: Latin-1, an overlong form, a surrogate, a letter cut in half.
    for bytes in [&b"caf\xe9"[..], b"\xc0\xafsearch", b"\xed\xa0\x80", b"search\xe2\x82"] {
        assert_eq!(status(&stage, bytes).await, "403", "{bytes:?}");
    }
    assert_eq!(stage.upstream_requests().await, 0);
    stage.settles_at("search", LIMIT).await;
}

#[tokio::test]
async fn a_name_in_one_script_is_a_name_of_its_own() {
    let stage = Stage::start(tokens()).await;
    // The last one is Cyrillic altogether: it looks like `cop` and is another team, which is all that can be told.
    for team in ["Zürich", "検索", "команда", "\u{441}\u{43e}\u{440}"] {
        let answer = stage.http2().chat(&[("x-genops-team", team)], &chat(5)).await;
        assert_eq!(answer.status, 200, "{team}: {}", answer.text());
        let span = stage.span_of(&awu_id(&answer)).await;
        assert_eq!(text(&span, "genops.team"), Some(team));
        stage.settles_at(team, LIMIT - 15).await;
    }
    stage.settles_at("cop", LIMIT).await;
}
