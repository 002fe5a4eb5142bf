//! Answers of every API and framing: whole against chunks, and against a tree.
#![no_main]

#[path = "../oracle.rs"]
mod oracle;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, Vec<u8>, bool, &[u8])| {
    let (api, cuts, ended, body) = input;
    let cuts: Vec<usize> = cuts.iter().map(|cut| usize::from(*cut) + 1).collect();
    let api = oracle::APIS[usize::from(api) % oracle::APIS.len()];
    oracle::compare_chunks(api, body, &cuts, ended);
    oracle::compare_chat_answer(body);
});
