//! The core's log, warnings and errors, for the thread whose test it is.

use std::cell::RefCell;

use super::world::SharedWorld;

thread_local! {
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

struct Capture;

impl log::Log for Capture {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let line = format!("{}: {}", record.level().as_str().to_lowercase(), record.args());
        LINES.with_borrow_mut(|lines| lines.push(line));
    }

    fn flush(&self) {}
}

/// Makes this the program's logger, once.
pub fn install() {
    // Another test of this program may have been first; it installed the same.
    let _ = log::set_logger(&Capture);
    log::set_max_level(log::LevelFilter::Warn);
}

/// Moves what this thread logged to the world.
pub fn drain(world: &SharedWorld) {
    LINES.with_borrow_mut(|lines| world.borrow_mut().log.append(lines));
}
