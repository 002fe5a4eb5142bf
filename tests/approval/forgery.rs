//! What is not signed by a configured key is no grant, whatever it claims about itself.

use genops::approval::{Invalid, MAX_BYTES};
use genops::gate::{Algorithm, Approvals, Key};
use proptest::prelude::*;
use serde_json::json;

use crate::notary::{
    EDDSA, HS256, SECRET, START_S, approvals, claims, grant, header, public_key, token, verify, verify_at,
};

#[test]
fn the_algorithm_is_the_keys_and_not_the_tokens() {
    let payload = claims(json!({})).to_string();
    for alg in ["none", "None", "", "HS256", "ES256", "eddsa", "Ed25519", "RS256"] {
        let forged = token(&header(alg, EDDSA).to_string(), &payload, EDDSA);
        assert_eq!(verify(&forged), Err(Invalid::Unverified), "{alg}");
        let unsigned = format!("{}.", forged.rsplit_once('.').unwrap().0);
        assert!(verify(&unsigned).is_err(), "{alg}");
    }
    // The classic: a public key, which everybody knows, used as an HMAC's secret.
    let confused = Key::new(EDDSA, Algorithm::Hs256, &public_key()).unwrap();
    let forged = {
        let unsigned = token(&header("HS256", EDDSA).to_string(), &payload, EDDSA);
        let signed = unsigned.rsplit_once('.').unwrap().0;
        let mac = genops::gate::sign_hmac(&public_key(), signed.as_bytes()).unwrap();
        genops::approval::assemble(signed, &mac)
    };
    let naive = Approvals { keys: vec![confused], ..Approvals::default() };
    assert!(verify_at(&forged, &naive, START_S).is_ok(), "the forgery itself is sound");
    assert_eq!(verify(&forged), Err(Invalid::Unverified));
}

#[test]
fn a_header_with_anything_else_in_it_is_no_grants() {
    let payload = claims(json!({})).to_string();
    let sound = header("EdDSA", EDDSA);
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("jwk", json!({"kty": "OKP"})),
        ("x5u", json!("https://evil.example")),
        ("b64", json!(false)),
        ("typ", json!("JWT")),
        ("typ", json!(null)),
        ("kid", json!(1)),
    ] {
        let mut header = sound.clone();
        header[name] = value;
        assert_eq!(verify(&token(&header.to_string(), &payload, EDDSA)), Err(Invalid::Malformed), "{header}");
    }
    assert_eq!(verify(&token("[]", &payload, EDDSA)), Err(Invalid::Malformed));
}

#[test]
fn unknown_key_wrong_key_and_wrong_signature_look_the_same() {
    let payload = claims(json!({})).to_string();
    let forged = [
        token(&header("EdDSA", "nobody").to_string(), &payload, EDDSA),
        token(&header("EdDSA", EDDSA).to_string(), &payload, HS256),
        token(&header("HS256", HS256).to_string(), &payload, EDDSA),
    ];
    for token in forged {
        assert_eq!(verify(&token), Err(Invalid::Unverified));
    }
    assert_eq!(verify_at(&grant(EDDSA, json!({})), &Approvals::default(), START_S), Err(Invalid::Unverified));
}

#[test]
fn a_key_that_verifies_anything_is_no_key() {
    let secret = [0; 33];
    for (algorithm, bytes) in [
        (Algorithm::EdDsa, &[0; 32][..]),
        (Algorithm::EdDsa, &[1; 31]),
        (Algorithm::EdDsa, &[2; 32]),
        (Algorithm::Hs256, &secret[..31]),
        (Algorithm::Hs256, &[0; 257]),
    ] {
        assert!(Key::new("k", algorithm, bytes).is_err(), "{algorithm:?} {bytes:?}");
    }
    // The neutral point: with it, the same signature verifies every message.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    assert!(Key::new("k", Algorithm::EdDsa, &neutral).is_err());
    let key = Key::new("k", Algorithm::Hs256, &SECRET).unwrap();
    assert_eq!(format!("{key:?} {:?}", approvals().keys), "Key(k HS256) [Key(ops EdDSA), Key(ci HS256)]");
}

#[test]
fn only_the_one_canonical_spelling_is_read() {
    let sound = grant(EDDSA, json!({}));
    let (signed, signature) = sound.rsplit_once('.').unwrap();
    // 64 bytes leave four bits of the last character unused.
    let stray = {
        let last = signature.chars().last().unwrap();
        let next = char::from(last as u8 + 1);
        format!("{}{next}", &signature[..signature.len() - 1])
    };
    let spellings = [
        format!("{sound}="),
        format!("{sound}=="),
        format!(" {sound}"),
        format!("{sound}\n"),
        format!("{sound}.x"),
        format!("x.{sound}"),
        format!("{signed}.{stray}"),
        signed.to_owned(),
        sound.replacen('.', "..", 1),
        sound.to_uppercase(),
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "....".to_owned(),
        "x".repeat(MAX_BYTES + 1),
    ];
    for spelling in spellings {
        assert!(verify(&spelling).is_err(), "{spelling}");
    }
    let long = grant(EDDSA, json!({"aud": ["x".repeat(3_000)]}));
    assert!(long.len() > MAX_BYTES);
    assert_eq!(verify(&long), Err(Invalid::Malformed));
}

/// Each of the eight bits of each byte.
#[test]
fn any_single_flipped_bit_of_a_grant_is_refused() {
    for kid in [EDDSA, HS256] {
        let sound = grant(kid, json!({"attribution": {"team": "search"}, "model": "gpt-4o"}));
        assert!(verify(&sound).is_ok());
        for position in 0..sound.len() {
            for bit in 0..8 {
                let mut bytes = sound.clone().into_bytes();
                bytes[position] ^= 1 << bit;
                // What is no text never gets here: a header that is no text is ambiguous.
                let Ok(flipped) = String::from_utf8(bytes) else { continue };
                assert!(verify(&flipped).is_err(), "bit {bit} of byte {position}: {flipped}");
            }
        }
    }
}

proptest! {
    #[test]
    fn no_text_of_any_kind_is_a_grant_and_none_panics(text in "\\PC{0,300}", parts in prop::array::uniform3("[A-Za-z0-9_-]{0,80}")) {
        prop_assert!(verify(&text).is_err());
        prop_assert!(verify(&parts.join(".")).is_err());
    }

    #[test]
    fn a_signature_moves_to_no_other_claims(uses in 1_u32..1_000, other in 1_u32..1_000) {
        prop_assume!(uses != other);
        let [a, b] = [uses, other].map(|uses| grant(HS256, json!({"uses": uses})));
        let (signed, signature) = (a.rsplit_once('.').unwrap().0, b.rsplit_once('.').unwrap().1);
        let forged = format!("{signed}.{signature}");
        prop_assert_eq!(verify(&forged), Err(Invalid::Unverified));
    }
}
