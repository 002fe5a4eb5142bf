//! Stored records that are damaged, foreign or of another layout: refused loudly, left as they are, never zero.

use std::sync::Arc;

use genops::amount::{Amount, Unit};
use genops::awu::Attribute;
use genops::bucket::Failure;
use genops::budget::{Budget, Key};
use genops::ledger::{self, Cause, Claim};
use genops::testing::MemoryStore;
use genops::timestamp::Timestamp;
use genops::window::{Period, Window};
use proptest::prelude::*;

const NOW: Timestamp = Timestamp::from_seconds(1_771_300_000);
const RECORD: &str = "genops/ledger/b/000";

fn budget() -> Arc<Budget> {
    Arc::new(Budget::new("b", Unit::Tokens, Amount::new(1_000), Window::utc(Period::Day)))
}

fn claim(budget: &Arc<Budget>, amount: u64) -> Claim<'_> {
    Claim { budget, key: "", amount: Amount::new(amount) }
}

/// A record of one account that has posted and pending amounts.
fn sound(budget: &Arc<Budget>) -> Vec<u8> {
    let store = MemoryStore::default();
    let _held = ledger::reserve_all(&store, NOW, &[claim(budget, 300)]).unwrap();
    let mut spent = ledger::reserve_all(&store, NOW, &[claim(budget, 200)]).unwrap();
    ledger::post(&store, NOW, spent.entries.remove(0).reservation, Amount::new(150)).unwrap();
    store.record(RECORD).unwrap()
}

/// What the ledger makes of a record. Whatever it is, nothing panics, and the unreadable is left alone.
fn reserve_over(bytes: &[u8]) -> Result<(), Cause> {
    let (store, budget) = (MemoryStore::default(), budget());
    store.overwrite(RECORD, bytes);
    let result = ledger::reserve_all(&store, NOW, &[claim(&budget, 10)]);
    let inspected = ledger::inspect(&store, NOW, &budget, "");
    match result {
        Ok(reserved) => {
            assert!(inspected.is_ok());
            for entry in reserved.entries {
                ledger::post(&store, NOW, entry.reservation, Amount::new(7)).unwrap();
            }
            Ok(())
        }
        Err(refusal) => {
            if refusal.cause == Cause::Failed(Failure::Corrupt) {
                assert_eq!(store.record(RECORD).as_deref(), Some(bytes));
            }
            Err(refusal.cause)
        }
    }
}

const CORRUPT: Result<(), Cause> = Err(Cause::Failed(Failure::Corrupt));

#[test]
fn a_record_of_another_layout_or_cut_anywhere_is_unreadable() {
    let sound = sound(&budget());
    assert_eq!(reserve_over(&sound), Ok(()));
    for layout in (0..=255).filter(|layout| *layout != sound[0]) {
        let mut other = sound.clone();
        other[0] = layout;
        assert_eq!(reserve_over(&other), CORRUPT, "layout {layout}");
    }
    // Cut after the header it is a record without accounts, which no writer leaves behind.
    for len in (0..sound.len()).filter(|len| *len != 9) {
        assert_eq!(reserve_over(&sound[..len]), CORRUPT, "cut to {len}");
    }
    let longer = [sound.as_slice(), &[0]].concat();
    assert_eq!(reserve_over(&longer), CORRUPT);
}

#[test]
fn layout_1_is_what_it_was() {
    let shown: String = sound(&budget()).iter().map(|byte| format!("{byte:02x}")).collect();
    let parts = [
        ("layout", "01"),
        ("clock", "0011b5699c010000"),
        ("identity length, pending", "0b0001"),
        ("window", "15500000"),
        ("window end", "00e80b6e9c010000"),
        ("posted", "9600000000000000"),
        ("carried", "0000000000000000"),
        ("alerted", "0000"),
        ("identity: window definition, unit, key", "0200000006746f6b656e73"),
        ("expiry, then", "10fcbe699c01000001"),
        ("amount, reservations", "2c0100000000000001000000"),
    ];
    assert_eq!(shown, parts.map(|(_, bytes)| bytes).concat());
}

#[test]
fn a_key_is_in_the_record_that_it_was_in() {
    // Computed by another implementation of FNV-1a. An update that moves keys forgets what they have consumed.
    for (key, number) in [
        ("acme", "25e"),
        ("blue", "3c7"),
        ("customer-7", "09f"),
        ("team=search/eu", "3c2"),
        ("Zürich", "106"),
    ] {
        let per = vec![Key::Attribute(Attribute::CustomerId)];
        let (store, budget) = (MemoryStore::default(), Arc::new(Budget { per, ..(*budget()).clone() }));
        let claim = Claim { budget: &budget, key, amount: Amount::new(1) };
        let _held = ledger::reserve_all(&store, NOW, &[claim]).unwrap();
        assert_eq!(store.keys(), [format!("genops/ledger/b/{number}")], "{key}");
    }
}

#[test]
fn keys_that_share_a_record_share_nothing_else() {
    let per = vec![Key::Attribute(Attribute::CustomerId)];
    let (store, budget) = (MemoryStore::default(), Arc::new(Budget { per, ..(*budget()).clone() }));
    let keys: Vec<String> = (0..3_000).map(|n| format!("customer-{n}")).collect();
    for (n, key) in keys.iter().enumerate() {
        let _held = ledger::reserve_all(
            &store,
            NOW,
            &[Claim { budget: &budget, key, amount: Amount::new(n as u64 % 900) }],
        )
        .unwrap();
    }
    assert!(store.keys().len() < 1_000, "most records hold several accounts");
    for (n, key) in keys.iter().enumerate() {
        assert_eq!(
            ledger::inspect(&store, NOW, &budget, key).unwrap().pending,
            Amount::new(n as u64 % 900),
            "{key}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_the_ledger_panic(tail in prop::collection::vec(any::<u8>(), 0..300), layout in 0..3u8) {
        let _ = reserve_over(&[&[layout], tail.as_slice()].concat());
    }

    #[test]
    fn no_damage_to_a_record_makes_the_ledger_panic(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
        tail in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut bytes = sound(&budget());
        for (index, byte) in damage {
            let len = bytes.len();
            bytes[index.index(len)] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        bytes.extend(tail);
        let _ = reserve_over(&bytes);
    }
}
