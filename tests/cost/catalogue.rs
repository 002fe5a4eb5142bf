//! Every entry of the catalogue that is shipped.

use std::collections::BTreeSet;

use genops::amount::Amount;
use genops::call::ServiceTier;
use genops::price::{Catalogue, Charge, Entry, PriceList};
use genops::provider::Provider;
use genops::usage::Usage;

use crate::nanos;

fn entries() -> &'static [Entry] {
    Catalogue::builtin().expect("it can be read").entries()
}

fn name(entry: &Entry) -> String {
    format!("{} at {}", entry.model, entry.provider)
}

#[test]
fn it_is_compact_dated_and_of_providers_that_the_filter_knows() {
    let catalogue = Catalogue::builtin().unwrap();
    assert!((300..=500).contains(&catalogue.entries().len()), "{catalogue:?}");
    let day: Vec<&str> = catalogue.as_of.split('-').collect();
    assert!(matches!(day[..], [year, month, day] if year.len() == 4 && month.len() == 2 && day.len() == 2));
    let providers: BTreeSet<&str> = entries().iter().map(|entry| &*entry.provider).collect();
    for provider in providers {
        assert!(Provider::ALL.iter().any(|known| known.slug() == provider), "{provider}");
    }
}

#[test]
fn every_entry_is_found_under_its_own_name() {
    let list = PriceList { catalogue: Catalogue::builtin(), ..PriceList::default() };
    for entry in entries() {
        let tariff = list.tariff(&entry.provider, Some(&entry.model));
        assert_eq!(tariff.first(), Some(&*entry.price), "{}", name(entry));
        assert_eq!(tariff.max_output_tokens, entry.max_output_tokens, "{}", name(entry));
    }
}

#[test]
fn every_figure_is_one_that_a_price_can_have() {
    for entry in entries() {
        let name = name(entry);
        assert!((1..10_000_000).contains(&entry.max_output_tokens.unwrap_or(1)), "{name}");
        let base = |charge| entry.price.rate(charge, ServiceTier::Standard, 0);
        let (input, output) = (base(Charge::Input).expect(&name), base(Charge::Output).expect(&name));
        assert!(!input.is_zero() || !output.is_zero() || entry.price.has_singles(), "{name} is free");
        assert_eq!(entry.price.has_singles(), input.is_zero(), "{name}: by tokens or by the piece");
        for rate in &entry.price.rates {
            let most = if rate.charge.is_single() { 1 } else { 1_000 };
            assert!(rate.amount.get() <= most * 1_000_000_000, "{name}: {rate:?}");
            let same = |other: &&genops::price::Rate| {
                (other.charge, other.service, other.above_input_tokens)
                    == (rate.charge, rate.service, rate.above_input_tokens)
            };
            assert_eq!(entry.price.rates.iter().filter(same).count(), 1, "{name}: {rate:?} twice");
        }
        assert!(
            base(Charge::CachedInput) <= base(Charge::Input),
            "{name}: a cache that costs more than none"
        );
        assert!(base(Charge::CacheWrite1h) >= base(Charge::CacheWrite), "{name}");
    }
}

#[test]
fn long_inputs_are_nowhere_cheaper_and_service_tiers_are_what_they_are_called() {
    for entry in entries() {
        let longest = entry.price.rates.iter().map(|rate| rate.above_input_tokens).max().unwrap();
        for charge in Charge::ALL {
            for service in ServiceTier::ALL {
                let rate = |tokens| entry.price.rate(charge, service, tokens);
                assert!(rate(longest + 1) >= rate(0), "{}: {charge:?} {service:?}", name(entry));
            }
            let rate = |service| entry.price.rate(charge, service, 0);
            let standard = rate(ServiceTier::Standard);
            assert!(rate(ServiceTier::Priority) >= standard, "{}: {charge:?} priority", name(entry));
            assert!(rate(ServiceTier::Flex) <= standard, "{}: {charge:?} flex", name(entry));
            assert!(rate(ServiceTier::Batch) <= standard, "{}: {charge:?} batch", name(entry));
        }
    }
}

#[test]
fn every_entry_prices_a_call_of_what_it_is_billed_by() {
    let list = PriceList { catalogue: Catalogue::builtin(), ..PriceList::default() };
    for entry in entries() {
        let tariff = list.tariff(&entry.provider, Some(&entry.model));
        let usage = Usage {
            input_tokens: Some(1_000),
            output_tokens: Some(1_000),
            search_units: Some(1),
            images: Some(1),
            audio_seconds: Some(1),
            ..Usage::default()
        };
        let cost = nanos(&tariff, usage, ServiceTier::Standard).map(Amount::new);
        assert!(cost.is_ok_and(|cost| !cost.is_zero()), "{}: {cost:?}", name(entry));
    }
}
