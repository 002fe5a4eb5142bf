//! `genops grant keygen`: the private part into a new file of its owner alone, the filter's part to standard output.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use genops::gate::Algorithm;
use lexopt::ValueExt as _;

use super::key::PrivateKey;
use super::{Failed, print_line};

pub(super) fn run(mut arguments: lexopt::Parser) -> Result<(), Failed> {
    let (mut kid, mut out, mut algorithm) = (None, None, Algorithm::EdDsa);
    while let Some(argument) = arguments.next()? {
        match argument {
            lexopt::Arg::Long("kid") => kid = Some(arguments.value()?.string()?),
            lexopt::Arg::Long("out") => out = Some(PathBuf::from(arguments.value()?)),
            lexopt::Arg::Long("algorithm") => {
                let word = arguments.value()?.string()?;
                let known = [Algorithm::EdDsa, Algorithm::Hs256];
                let found = known.into_iter().find(|known| known.as_str() == word);
                algorithm = found.ok_or_else(|| format!("--algorithm: EdDSA or HS256, not {word:?}"))?;
            }
            other => return Err(other.unexpected().into()),
        }
    }
    let kid = kid.ok_or("keygen: which --kid? Its name in approvals.keys and in every grant")?;
    let out = out.ok_or("keygen: which --out FILE? It must not exist yet")?;
    let key = PrivateKey::generate(&kid, algorithm)?;
    write(&out, &format!("{}\n", key.to_jwk()))?;
    eprintln!("the private key is in {}; what follows goes into approvals.keys", out.display());
    if algorithm == Algorithm::Hs256 {
        eprintln!("that is the same secret: whoever reads the configuration or Envoy's config_dump can sign");
    }
    print_line(&key.to_configuration().to_string())
}

/// Never over another key, and for nobody else to read.
fn write(out: &Path, text: &str) -> Result<(), Failed> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(out).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| format!("{}: {error}", out.display()).into())
}
