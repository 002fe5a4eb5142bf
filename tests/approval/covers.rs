//! What a sound grant is worth for a call.

use genops::amount::{Amount, Currency, Unit};
use genops::approval::Invalid;
use genops::awu::{Attribute, Attribution};
use serde_json::{Value, json};

use crate::notary::{EDDSA, grant, verify};

fn binds(changes: Value, attribution: &[(Attribute, &str)], models: &[&str]) -> Result<(), Invalid> {
    let attribution = Attribution::new(attribution.iter().map(|(key, value)| (*key, (*value).into())));
    verify(&grant(EDDSA, changes)).unwrap().binds(&attribution, models)
}

#[test]
fn every_attribute_that_it_names_has_to_be_exactly_so() {
    let bound = || json!({"attribution": {"team": "search", "customer_id": "c*"}});
    let [team, customer, project] = [Attribute::Team, Attribute::CustomerId, Attribute::Project];
    let cases: [(&[_], _); 5] = [
        (&[(team, "search"), (customer, "c*"), (project, "anything")], Ok(())),
        (&[(team, "search"), (customer, "c1")], Err(Invalid::Attribute(customer))),
        (&[(team, "Search"), (customer, "c*")], Err(Invalid::Attribute(team))),
        (&[(team, "search")], Err(Invalid::Attribute(customer))),
        (&[], Err(Invalid::Attribute(team))),
    ];
    for (attribution, verdict) in cases {
        let judged = binds(bound(), attribution, &["m"]);
        // Which of two that do not fit is named first does not matter.
        assert_eq!(judged.is_ok(), verdict.is_ok(), "{attribution:?}");
        assert!(attribution.is_empty() || judged == verdict, "{attribution:?}: {judged:?}");
    }
    assert_eq!(binds(json!({}), &[], &[]), Ok(()), "unbound, it is for anybody");
}

#[test]
fn every_model_that_may_serve_the_call_has_to_fit() {
    let cases: [(&str, &[&str], bool); 7] = [
        ("gpt-4o", &["gpt-4o"], true),
        ("gpt-4o", &["gpt-4o-mini"], false),
        ("gpt-4o*", &["gpt-4o-mini"], true),
        ("gpt-4o*", &["gpt-4o", "gpt-4o-mini"], true),
        ("gpt-4o*", &["gpt-4o", "o3"], false),
        ("*", &["anything"], true),
        ("*", &[], false),
    ];
    for (pattern, models, fits) in cases {
        let judged = binds(json!({"model": pattern}), &[], models);
        assert_eq!(judged, if fits { Ok(()) } else { Err(Invalid::Model) }, "{pattern} {models:?}");
    }
}

#[test]
fn the_ceiling_is_for_one_call_and_for_the_units_that_it_names() {
    let usd = Unit::Money(Currency::parse("USD").unwrap());
    let eur = Unit::Money(Currency::parse("EUR").unwrap());
    let nanos = |text| Amount::parse_decimal(text).unwrap();
    let approval = verify(&grant(EDDSA, json!({"ceiling": {"USD": 2.5, "tokens": "50000"}}))).unwrap();
    assert_eq!(approval.covers(usd, nanos("2.5")), Ok(()));
    assert_eq!(approval.covers(usd, nanos("2.500000001")), Err(Invalid::Ceiling(usd, Some(nanos("2.5")))));
    assert_eq!(approval.covers(Unit::Tokens, Amount::new(50_000)), Ok(()));
    assert!(approval.covers(Unit::Tokens, Amount::new(50_001)).is_err());
    assert_eq!(approval.covers(eur, Amount::ZERO), Err(Invalid::Ceiling(eur, None)));
}
