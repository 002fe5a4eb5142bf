//! `genops explain` as an operator meets it: what it takes, what it tells, and how it ends.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod command;

const CONFIG: &str = r#"{"catalogue": "none", "policies": [{"name": "approved", "models": {"allow": "gpt-4o*"}}],
    "upstreams": [{"match": {"cluster": "llm"}, "region": "eu-west-1"}]}"#;

/// A file that is gone when the test is over.
struct File(std::path::PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("genops-explain-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Runs `genops explain` with arguments and an input; gives exit code, output, errors.
fn explain(arguments: &[&str], input: &str) -> (i32, String, String) {
    let ran = command::run(command::genops().arg("explain").args(arguments), input.as_bytes());
    (ran.code, ran.output, ran.errors)
}

#[test]
fn it_tells_attribution_facts_policies_and_verdict_of_each_request() {
    let config = File::new("told.json", CONFIG);
    let requests = r#"[{"name": "first", "cluster": "llm",
        "headers": {"X-Genops-Team": "search", "x-genops-project": ["chatbot"], "x-genops-environment": "test"},
        "body": {"model": "o1", "messages": [], "n": 2, "tools": [{"type": "function", "function": {"name": "f"}}]}},
      {"name": "second", "body": {"model": "o1", "messages": []}}]"#;
    let (code, output, errors) = explain(&[config.path()], requests);
    assert_eq!((code, errors.as_str()), (0, ""));
    let lines: Vec<&str> = output.lines().collect();
    let expected = [
        "first",
        "  attribution: team=search project=chatbot environment=test",
        "  call: chat through chat_completions of openai, region eu-west-1; model o1; at most 25 input and 8192 output tokens, 2 choice(s)",
        "  tools: f (function)",
        "  policy approved (enforce): applies, forbids",
        "    POLICY_DENY_MODEL: GenOps: policy \"approved\" does not allow model \"o1\".",
        "  verdict: BLOCKED POLICY_DENY_MODEL by approved",
        "",
        "second",
        "  attribution: none; team is missing, looked in header x-genops-team",
        "  call: chat through chat_completions of openai, region not known",
        "  verdict: BLOCKED x_attribution_missing",
        "",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_request_comes_from_files_or_from_standard_input_and_so_does_the_configuration() {
    let (config, request) =
        (File::new("config.json", CONFIG), File::new("request.json", r#"{"method": "GET"}"#));
    let told = "  verdict: no AI call that costs something; failure.unrecognised decides\n\n";
    for (arguments, input, name) in [
        (&[config.path(), request.path()][..], "", request.path()),
        (&[config.path(), "-"], r#"{"method": "GET"}"#, "-"),
        (&["-", request.path()], CONFIG, request.path()),
    ] {
        assert_eq!(explain(arguments, input), (0, format!("{name}\n{told}"), String::new()), "{arguments:?}");
    }
}

#[test]
fn a_bad_configuration_says_what_is_wrong_and_explains_nothing() {
    let config = File::new("bad.json", r#"{"policies": [{"name": "p", "modells": {}}]}"#);
    let (code, output, _) = explain(&[config.path()], "{}");
    assert_eq!(code, 1);
    assert!(output.contains("policies[0].modells: unknown key, did you mean \"models\"?"), "{output}");
}

#[test]
fn what_cannot_be_read_is_named() {
    let config = File::new("good.json", CONFIG);
    let config = config.path();
    for (arguments, input, words) in [
        (&[][..], "", "which CONFIG?"),
        (&["/nowhere/genops.json"], "", "/nowhere/genops.json"),
        (&[config, "/nowhere/request.json"], "", "/nowhere/request.json"),
        (&[config, "--what"], "", "--what"),
        (&["-", "-"], "", "standard input is read once"),
        (&[config], "{", "EOF"),
        (&[config], "5", "expected a request"),
        (&[config], r#"{"bodi": 1}"#, "a request has no \"bodi\""),
        (&[config], r#"{"path": 1}"#, "expected \"path\" as a string"),
        (&[config], r#"{"headers": []}"#, "expected headers as an object"),
        (&[config], r#"{"headers": {"a": 1}}"#, "expected header \"a\" as a string"),
        (&[config], r#"{"at": "yesterday"}"#, "expected \"at\" as 2026-02-16T12:00:00Z"),
        (&[config], r#"{"at": "2026-02-30T12:00:00Z"}"#, "expected \"at\" as 2026-02-16T12:00:00Z"),
        (&[config], r#"{"at": "2026-02-16T24:00:00Z"}"#, "expected \"at\" as 2026-02-16T12:00:00Z"),
    ] {
        let (code, output, errors) = explain(arguments, input);
        assert_eq!((code, output.as_str()), (2, ""), "{arguments:?} {input}");
        assert!(errors.starts_with("genops: ") && errors.contains(words), "{input}: {errors}");
    }
}
