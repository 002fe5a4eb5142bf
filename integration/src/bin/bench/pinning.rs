//! Who runs on which processor: Envoy on 0, everything else on the others.

use std::process::Command;

/// Envoy's processor.
pub(crate) const ENVOY: usize = 0;

/// Moves this process to the processors that are not Envoy's; `false` if there is only one.
pub(crate) fn keep_off_envoys_processor() -> bool {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    if processors < 2 {
        return false;
    }
    let others = format!("1-{}", processors - 1);
    let moved = Command::new("taskset").args(["-c", "-p", &others, &std::process::id().to_string()]).output();
    let moved = moved.expect("taskset, from util-linux");
    assert!(moved.status.success(), "taskset: {}", String::from_utf8_lossy(&moved.stderr));
    true
}
