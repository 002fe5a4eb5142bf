//! `genops validate` as an operator meets it: what it prints, and how it ends.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod command;

use genops::price::Catalogue;

/// Runs `genops validate` with arguments and an input; gives exit code, output, errors.
fn validate(arguments: &[&str], input: &[u8]) -> (i32, String, String) {
    let ran = command::run(command::genops().arg("validate").args(arguments), input);
    (ran.code, ran.output, ran.errors)
}

#[test]
fn a_valid_file_says_what_was_understood() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/openai-money/genops.json");
    let (code, output, errors) = validate(&[path], b"");
    assert_eq!((code, errors.as_str()), (0, ""));
    assert_eq!(output, format!("{path}: valid: budgets project-usd; 2 prices; events to OTLP\n"));
    let catalogue = format!("0 prices before the catalogue of {}", Catalogue::builtin().unwrap().as_of);
    assert_eq!(
        validate(&["-"], b"{}").1,
        format!("standard input: valid: no budgets; {catalogue}; no events\n")
    );
}

#[test]
fn every_problem_is_a_line_with_its_path() {
    let (code, output, _) = validate(&["-"], br#"{"budget": [], "max_request_bytes": 1}"#);
    assert_eq!(code, 1);
    let lines: Vec<&str> = output.lines().collect();
    let [bytes, budget] = lines[..] else { panic!("two problems, two lines: {output}") };
    assert!(budget.starts_with("standard input: budget: unknown key, did you mean \"budgets\"?"), "{budget}");
    assert!(
        bytes.starts_with("standard input: max_request_bytes: expected a whole number from 1024"),
        "{bytes}"
    );
    assert_eq!(validate(&["-"], b"{").0, 1);
}

#[test]
fn what_cannot_be_read_is_not_called_invalid() {
    for (arguments, input) in [
        (&["/nowhere/genops.json"][..], &b""[..]),
        (&["-"], b"\xff"),
        (&[], b""),
        (&["--what"], b""),
        (&["a", "b"], b""),
    ] {
        let (code, output, errors) = validate(arguments, input);
        assert_eq!((code, output.as_str()), (2, ""), "{arguments:?}");
        assert!(errors.starts_with("genops: "), "{errors}");
    }
}
