//! Waiting: ask again until the answer is there, or give up at a deadline.
//!
//! The only place where the lab sleeps, and never for longer than [`PAUSE`] at a time.

use std::time::{Duration, Instant};

/// How long anything in the lab may take before it counts as broken; generous, for busy machines.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// The pause between two questions.
pub const PAUSE: Duration = Duration::from_millis(10);

/// Asks until `question` answers, or returns `None` at the deadline.
pub async fn until<T>(deadline: Duration, mut question: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + deadline;
    loop {
        if let Some(answer) = question().await {
            return Some(answer);
        }
        if Instant::now() >= end {
            return None;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Asks until `condition` holds; panics with `what` if it does not by [`DEADLINE`].
pub async fn for_condition(what: &str, mut condition: impl FnMut() -> bool) {
    until(DEADLINE, async || condition().then_some(()))
        .await
        .unwrap_or_else(|| panic!("waited {DEADLINE:?} in vain until {what}"));
}
