//! Grants of any bytes: as a token, as claims that were properly signed, and as a stored record of uses. Nothing panics,
//! nothing unsigned is believed, and what is believed keeps its bounds.
#![no_main]

use genops::approval::{self, Denied, MAX_USES};
use genops::bucket::Failure;
use genops::gate::{Algorithm, Approvals, Key, sign_hmac};
use genops::{testing::MemoryStore, timestamp::Timestamp};
use libfuzzer_sys::fuzz_target;

const SECRET: [u8; 32] = [9; 32];
const NOW_S: u64 = 1_771_300_000;

fn signed(payload: &str) -> String {
    let signed = approval::signing_input("ci", Algorithm::Hs256, payload);
    approval::assemble(&signed, &sign_hmac(&SECRET, signed.as_bytes()).unwrap())
}

fuzz_target!(|input: (u8, &[u8])| {
    let (what, bytes) = input;
    let keys = vec![Key::new("ci", Algorithm::Hs256, &SECRET).unwrap()];
    let approvals = Approvals { keys, ..Approvals::default() };
    let now = Timestamp::from_seconds(NOW_S);
    match (what % 3, std::str::from_utf8(bytes)) {
        (0, Ok(token)) => {
            // The fuzzer knows no secret.
            assert!(approval::verify(token, &approvals, now).is_err());
            approval::unverified(token);
        }
        (1, Ok(payload)) => {
            if let Ok(approval) = approval::verify(&signed(payload), &approvals, now) {
                let claims = approval.claims();
                assert!((1..=MAX_USES).contains(&claims.uses) && !claims.ceiling.is_empty());
                assert!(claims.not_before_s <= NOW_S && NOW_S < claims.expires_s);
                assert!((claims.expires_s - claims.not_before_s) * 1_000 <= approvals.max_lifetime_ms);
                assert!(!claims.approver.is_empty() && !claims.chain().contains('\n'));
            }
        }
        _ => {
            let payload = format!(
                r#"{{"jti":"g","approver":"a","nbf":{NOW_S},"exp":{},"ceiling":{{"tokens":1}},"uses":3}}"#,
                NOW_S + 60
            );
            let approval = approval::verify(&signed(&payload), &approvals, now).unwrap();
            let store = MemoryStore::default();
            approval::take(&store, now, &approval, 10).unwrap();
            let name = store.keys().remove(0);
            store.overwrite(&name, bytes);
            match approval::take(&store, now, &approval, 10) {
                Ok(taken) => approval::give_back(&store, taken).unwrap(),
                Err(Denied::Failed(Failure::Corrupt)) => assert_eq!(store.record(&name).as_deref(), Some(bytes)),
                Err(_) => {}
            }
        }
    }
});
