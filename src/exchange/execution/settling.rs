//! What of one AWU the store still owes an answer to, when all else is told.

use super::held::Held;
use crate::amount::Amount;
use crate::ledger::Reservation;

/// A reservation that the ledger could not settle at once; `None` voids it.
#[derive(Debug)]
pub(crate) struct Unsettled {
    pub(crate) reservation: Reservation,
    pub(crate) actual: Option<Amount>,
}

/// Everything of one AWU that the store could not settle at once.
#[derive(Debug)]
pub(crate) struct Settling {
    pub(crate) reservations: Vec<Unsettled>,
    pub(crate) held: Held,
}
