//! What a root context and its streams have in common.

use std::rc::Rc;

use super::perform::Outlets;
use super::ports::Ids;
use crate::config::Config;
use crate::exchange::Worker;
use crate::recall::Recall;

/// What the streams of one configuration share on one worker.
pub(super) struct Shared {
    pub(super) config: Rc<Config>,
    pub(super) outlets: Outlets,
    pub(super) ids: Ids,
    pub(super) recall: Recall,
    pub(super) worker: Rc<Worker>,
}
