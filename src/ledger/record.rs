//! The stored record: a clock and the accounts of the keys that the record's bucket holds, all windows together.
//!
//! Knows bytes and nothing of budgets. One record is one compare-and-set, so finding, opening, recycling and changing an
//! account is one atomic step. Bytes that are not exactly a record of a known layout are [`Corrupt`], never an empty one.
//!
//! Layout 1, little-endian: `1u8`, clock `u64` ms, then accounts until the end, each of: identity length `u16`, number
//! of pending `u8`, window index `i32`, window end `u64` ms (all ones: never), posted `u64`, carried `u64`, alerted
//! `u16`, the identity, then each pending, ascending: expiry `u64` ms, what then `u8`, amount `u64`, reservations `u32`.
//! Accounts of one identity are in window order.

use std::borrow::Cow;

use crate::amount::Amount;
use crate::bucket::{Failure, MAX_KEYS};
use crate::budget::OnExpiry;
use crate::bytes;

use super::account::{Account, Expiry, MAX_PENDING, Pending};
use super::place::Place;

const LAYOUT: u8 = 1;
const PENDING_BYTES: usize = 21;
const FIXED_BYTES: usize = 33;

/// Bytes that are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Corrupt;

impl From<Corrupt> for Failure {
    fn from(_: Corrupt) -> Self {
        Self::Corrupt
    }
}

/// A record being read and changed.
#[derive(Debug, Default)]
pub(crate) struct Record<'a> {
    /// The latest moment that any operation on this record has seen; steps forward only.
    pub(crate) clock_ms: u64,
    pub(crate) entries: Vec<Entry<'a>>,
}

/// One account and what it is identified by.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) identity: Cow<'a, [u8]>,
    pub(crate) window_index: i32,
    pub(crate) ends_at_ms: u64,
    body: Body<'a>,
}

#[derive(Debug)]
enum Body<'a> {
    /// As stored: posted, carried, alerted, then after the identity the pending; and the whole entry.
    Stored {
        account: &'a [u8],
        pending: &'a [u8],
        entry: &'a [u8],
    },
    Opened(Account),
}

impl<'a> Record<'a> {
    /// Reads a record. Only the framing of accounts is checked here, each account when it is opened.
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self, Corrupt> {
        let mut rest = Reader(bytes);
        if rest.u8()? != LAYOUT {
            return Err(Corrupt);
        }
        let accounts = bytes.len() / FIXED_BYTES / 2;
        let mut record =
            Record { clock_ms: rest.u64()?, entries: Vec::with_capacity(accounts.saturating_add(1)) };
        while !rest.0.is_empty() {
            record.entries.push(Entry::decode(&mut rest)?);
        }
        if record.entries.len() > MAX_KEYS {
            return Err(Corrupt);
        }
        Ok(record)
    }

    /// The record's bytes; what was not opened is copied as it was.
    pub(crate) fn encode(&self, size_hint: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(size_hint);
        bytes.push(LAYOUT);
        bytes.extend_from_slice(&self.clock_ms.to_le_bytes());
        for entry in &self.entries {
            entry.encode(&mut bytes);
        }
        bytes
    }
}

impl<'a> Entry<'a> {
    pub(crate) fn new(identity: &[u8], window_index: i32, ends_at_ms: u64) -> Self {
        let identity = Cow::Owned(identity.to_owned());
        Self { identity, window_index, ends_at_ms, body: Body::Opened(Account::default()) }
    }

    /// Whether the account is one of this place's.
    pub(crate) fn is_of(&self, place: &Place) -> bool {
        bytes::same(&self.identity, place.identity())
    }

    /// The account, decoded on first use.
    pub(crate) fn open(&mut self) -> Result<&mut Account, Corrupt> {
        if let Body::Stored { account, pending, .. } = self.body {
            self.body = Body::Opened(decode_account(account, pending)?);
        }
        match &mut self.body {
            Body::Opened(account) => Ok(account),
            Body::Stored { .. } => Err(Corrupt),
        }
    }

    fn decode(rest: &mut Reader<'a>) -> Result<Self, Corrupt> {
        let start = rest.0;
        let mut fixed = Reader(rest.take(FIXED_BYTES)?);
        let identity_len = usize::from(fixed.u16()?);
        let pending_len = usize::from(fixed.u8()?);
        let (window_index, ends_at_ms, account) = (fixed.i32()?, fixed.u64()?, fixed.0);
        if pending_len > MAX_PENDING {
            return Err(Corrupt);
        }
        let identity = rest.take(identity_len)?;
        let pending = rest.take(pending_len.saturating_mul(PENDING_BYTES))?;
        let entry = start.get(..start.len().saturating_sub(rest.0.len())).ok_or(Corrupt)?;
        let body = Body::Stored { account, pending, entry };
        Ok(Self { identity: Cow::Borrowed(identity), window_index, ends_at_ms, body })
    }

    fn encode(&self, bytes: &mut Vec<u8>) {
        let account = match &self.body {
            Body::Stored { entry, .. } => return bytes.extend_from_slice(entry),
            Body::Opened(account) => account,
        };
        // Both lengths are bounded by construction: identities by MAX_KEY_BYTES, pending by MAX_PENDING.
        let identity_len = u16::try_from(self.identity.len()).unwrap_or(u16::MAX);
        let pending_len = u8::try_from(account.pending.len()).unwrap_or(u8::MAX);
        let pending_bytes = account.pending.len().saturating_mul(PENDING_BYTES);
        bytes.reserve(FIXED_BYTES.saturating_add(self.identity.len()).saturating_add(pending_bytes));
        bytes.extend_from_slice(&identity_len.to_le_bytes());
        bytes.push(pending_len);
        bytes.extend_from_slice(&self.window_index.to_le_bytes());
        bytes.extend_from_slice(&self.ends_at_ms.to_le_bytes());
        bytes.extend_from_slice(&account.posted.get().to_le_bytes());
        bytes.extend_from_slice(&account.carried.get().to_le_bytes());
        bytes.extend_from_slice(&account.alerted.to_le_bytes());
        bytes.extend_from_slice(&self.identity);
        for pending in &account.pending {
            bytes.extend_from_slice(&pending.expiry.at_ms.to_le_bytes());
            bytes.push(match pending.expiry.then {
                OnExpiry::Release => 0,
                OnExpiry::Consume => 1,
            });
            bytes.extend_from_slice(&pending.amount.get().to_le_bytes());
            bytes.extend_from_slice(&pending.reservations.to_le_bytes());
        }
    }
}

fn decode_account(account: &[u8], pending: &[u8]) -> Result<Account, Corrupt> {
    let mut fixed = Reader(account);
    let mut account = Account {
        posted: Amount::new(fixed.u64()?),
        carried: Amount::new(fixed.u64()?),
        alerted: fixed.u16()?,
        // Room for one more: most accounts are opened to reserve.
        pending: Vec::with_capacity((pending.len() / PENDING_BYTES).saturating_add(1)),
    };
    let mut rest = Reader(pending);
    while !rest.0.is_empty() {
        let pending = decode_pending(&mut rest)?;
        if account.pending.last().is_some_and(|last| last.expiry >= pending.expiry) {
            return Err(Corrupt);
        }
        account.pending.push(pending);
    }
    Ok(account)
}

fn decode_pending(rest: &mut Reader<'_>) -> Result<Pending, Corrupt> {
    let at_ms = rest.u64()?;
    let then = match rest.u8()? {
        0 => OnExpiry::Release,
        1 => OnExpiry::Consume,
        _ => return Err(Corrupt),
    };
    let amount = Amount::new(rest.u64()?);
    match rest.u32()? {
        0 => Err(Corrupt),
        reservations => Ok(Pending { expiry: Expiry { at_ms, then }, amount, reservations }),
    }
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], Corrupt> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Corrupt)?;
        self.0 = rest;
        Ok(taken)
    }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], Corrupt> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Corrupt)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn u8(&mut self) -> Result<u8, Corrupt> {
        self.chunk::<1>().map(u8::from_le_bytes)
    }

    fn u16(&mut self) -> Result<u16, Corrupt> {
        self.chunk().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, Corrupt> {
        self.chunk().map(u32::from_le_bytes)
    }

    fn i32(&mut self) -> Result<i32, Corrupt> {
        self.chunk().map(i32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, Corrupt> {
        self.chunk().map(u64::from_le_bytes)
    }
}
