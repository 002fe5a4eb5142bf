//! An auditor that knows nothing but the log of events: it recomputes what every account must hold.

use std::collections::BTreeMap;

/// Budget, key and window of one account.
pub(crate) type Name = (String, String, i32);

/// What a worker saw happen, in the order in which the store applied it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Event {
    Reserved { call: u32, account: Name, amount: u64 },
    Posted { call: u32, account: Name, actual: u64 },
    Voided { call: u32, account: Name },
}

/// What one account must hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) posted: u64,
    pub(crate) pending: u64,
}

/// What has become of the reservations that nobody settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unsettled {
    Pending,
    ExpiredAsSpent,
    ExpiredAsReleased,
}

/// Recomputes every account.
///
/// # Panics
/// When a reservation is settled twice or without having been made, or a call holds one account twice.
pub(crate) fn audit(log: &[Event], unsettled: Unsettled) -> BTreeMap<Name, Figures> {
    let mut accounts: BTreeMap<Name, Figures> = BTreeMap::new();
    let mut open: BTreeMap<(u32, Name), u64> = BTreeMap::new();
    for event in log {
        match event {
            Event::Reserved { call, account, amount } => {
                accounts.entry(account.clone()).or_default();
                assert_eq!(open.insert((*call, account.clone()), *amount), None, "{event:?} twice");
            }
            Event::Posted { call, account, actual } => {
                assert!(open.remove(&(*call, account.clone())).is_some(), "{event:?} of nothing");
                accounts.entry(account.clone()).or_default().posted += actual;
            }
            Event::Voided { call, account } => {
                assert!(open.remove(&(*call, account.clone())).is_some(), "{event:?} of nothing");
            }
        }
    }
    for ((_, account), amount) in open {
        let figures = accounts.entry(account).or_default();
        match unsettled {
            Unsettled::Pending => figures.pending += amount,
            Unsettled::ExpiredAsSpent => figures.posted += amount,
            Unsettled::ExpiredAsReleased => {}
        }
    }
    accounts
}
