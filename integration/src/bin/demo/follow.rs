//! After the show: stay up, and tell of every further call.

use crate::row::Row;
use crate::show;
use crate::stage::Stage;
use lab::wait;

/// Returns at Ctrl-C.
pub(crate) async fn until_interrupted(stage: &Stage) {
    println!("{}", invitation(stage));
    tokio::select! {
        // Without a signal handler there is nothing to wait for, so the demo just ends.
        _ = tokio::signal::ctrl_c() => {}
        () = tell(stage) => {}
    }
}

async fn tell(stage: &Stage) {
    let mut told = stage.otlp.spans().len();
    loop {
        let spans = stage.otlp.spans();
        for span in spans.iter().skip(told) {
            print!("{}", show::single(&Row::of_span(span)));
        }
        told = spans.len();
        tokio::time::sleep(wait::PAUSE * 10).await;
    }
}

fn invitation(stage: &Stage) -> String {
    let url = stage.base_url();
    let admin = stage.envoy.admin_addr();
    let call = |team: &str, cap: u32| {
        format!(
            "  curl -si {url}/chat/completions -H 'content-type: application/json' -H 'x-genops-team: {team}' \\\n    \
             -d '{{\"model\":\"gpt-4o-mini\",\"max_completion_tokens\":{cap},\
             \"messages\":[{{\"role\":\"user\",\"content\":\"Hello\"}}]}}'\n"
        )
    };
    format!(
        "  Still running; Ctrl-C ends it. Try:\n{}{}  curl -s http://{admin}/stats/prometheus | grep genops\n",
        call("billing", 500),
        call("billing", 90_000),
    )
}
