//! The stored circuits of one bucket of a breaker.
//!
//! Layout 1, little-endian: `1u8`, clock `u64` ns, sequence `u64`, forgotten `u64`, then circuits until the end, each of: key length
//! `u16`, the key, touched `u64` ns, generation `u64`, and a phase: `0u8`, failures in a row `u32`, a `u8` count of
//! slices (index `u64`, calls `u32`, failures `u32`); `1u8`, until `u64` ns; `2u8`, successes `u32`, a `u8` count of
//! probes (id `u64`, expires `u64` ns). Bytes that are not exactly this are unreadable, never empty.

use super::circuit::{Circuit, Phase, Probe, SLICES, Slice};
use crate::bucket::Failure;
use crate::config::Breaker;

const LAYOUT: u8 = 1;

/// How many circuits one record holds. With 1,024 records there is room for many more models than there are, and a
/// record stays small enough to be rewritten for every call.
pub(crate) const ROOM: usize = 8;

/// The circuits of one record.
#[derive(Debug, Default)]
pub(crate) struct Record<'a> {
    /// The latest moment that any operation on this record has seen; steps forward only.
    pub(crate) clock_ns: u64,
    /// The last number given to a phase or a probe.
    pub(crate) sequence: u64,
    /// The generation of every circuit that is not here: the latest that was forgotten, so that a call which such a
    /// circuit let go does not count in the one that comes after it.
    forgotten: u64,
    circuits: Vec<Stored<'a>>,
}

#[derive(Debug)]
struct Stored<'a> {
    key: &'a str,
    touched_ns: u64,
    circuit: Circuit,
}

impl<'a> Record<'a> {
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self, Failure> {
        Self::read(Reader(bytes)).ok_or(Failure::Corrupt)
    }

    fn read(mut bytes: Reader<'a>) -> Option<Self> {
        if bytes.u8()? != LAYOUT {
            return None;
        }
        let (clock_ns, sequence, forgotten) = (bytes.u64()?, bytes.u64()?, bytes.u64()?);
        let mut record = Self { clock_ns, sequence, forgotten, circuits: Vec::new() };
        while !bytes.0.is_empty() {
            let key = bytes.text()?;
            let (touched_ns, generation, phase) = (bytes.u64()?, bytes.u64()?, bytes.phase()?);
            record.circuits.push(Stored { key, touched_ns, circuit: Circuit { generation, phase } });
        }
        (record.circuits.len() <= ROOM).then_some(record)
    }

    /// The circuit of a key; a closed one if there is none.
    pub(crate) fn circuit(&self, key: &str) -> Circuit {
        let stored = self.circuits.iter().find(|stored| stored.key == key);
        stored.map_or_else(|| Circuit::unknown(self.forgotten), |stored| stored.circuit.clone())
    }

    /// Puts a circuit in, if there is room: idle ones make room, then the closed one that was quiet for longest. What
    /// is open or half open is never forgotten.
    pub(crate) fn put(&mut self, breaker: &Breaker, key: &'a str, circuit: Circuit) -> bool {
        let now_ns = self.clock_ns;
        self.circuits.retain(|stored| stored.key != key);
        self.circuits.push(Stored { key, touched_ns: now_ns, circuit });
        let forgotten = self.forgotten;
        self.circuits.retain(|stored| {
            stored.circuit.generation != forgotten || !stored.circuit.is_idle(breaker, now_ns)
        });
        self.circuits.len() <= ROOM || self.forget_quietest(key)
    }

    fn forget_quietest(&mut self, but: &str) -> bool {
        let closed = |stored: &Stored<'_>| matches!(stored.circuit.phase, Phase::Closed { .. });
        let candidates = self.circuits.iter().enumerate();
        let candidates = candidates.filter(|(_, stored)| stored.key != but && closed(stored));
        let Some((at, _)) = candidates.min_by_key(|(_, stored)| stored.touched_ns) else { return false };
        let stored = self.circuits.remove(at);
        self.forgotten = self.forgotten.max(stored.circuit.generation);
        true
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.circuits.len().saturating_add(1).saturating_mul(96));
        bytes.push(LAYOUT);
        bytes.extend_from_slice(&self.clock_ns.to_le_bytes());
        bytes.extend_from_slice(&self.sequence.to_le_bytes());
        bytes.extend_from_slice(&self.forgotten.to_le_bytes());
        for Stored { key, touched_ns, circuit } in &self.circuits {
            bytes.extend_from_slice(&u16::try_from(key.len()).unwrap_or(u16::MAX).to_le_bytes());
            bytes.extend_from_slice(key.as_bytes());
            bytes.extend_from_slice(&touched_ns.to_le_bytes());
            bytes.extend_from_slice(&circuit.generation.to_le_bytes());
            write(&mut bytes, &circuit.phase);
        }
        bytes
    }
}

fn write(bytes: &mut Vec<u8>, phase: &Phase) {
    let count = |len: usize| u8::try_from(len).unwrap_or(u8::MAX);
    match phase {
        Phase::Closed { consecutive, slices } => {
            bytes.push(0);
            bytes.extend_from_slice(&consecutive.to_le_bytes());
            bytes.push(count(slices.len()));
            for slice in slices {
                bytes.extend_from_slice(&slice.index.to_le_bytes());
                bytes.extend_from_slice(&slice.calls.to_le_bytes());
                bytes.extend_from_slice(&slice.failures.to_le_bytes());
            }
        }
        Phase::Open { until_ns } => {
            bytes.push(1);
            bytes.extend_from_slice(&until_ns.to_le_bytes());
        }
        Phase::HalfOpen { successes, probes } => {
            bytes.push(2);
            bytes.extend_from_slice(&successes.to_le_bytes());
            bytes.push(count(probes.len()));
            for probe in probes {
                bytes.extend_from_slice(&probe.id.to_le_bytes());
                bytes.extend_from_slice(&probe.expires_ns.to_le_bytes());
            }
        }
    }
}

/// Takes figures off the front of bytes.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take().map(u8::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = u16::from_le_bytes(self.take()?);
        let (text, rest) = self.0.split_at_checked(length.into())?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }

    fn phase(&mut self) -> Option<Phase> {
        match self.u8()? {
            0 => {
                let consecutive = self.u32()?;
                let count = self.u8().filter(|count| u64::from(*count) <= SLICES)?;
                let slice = |_| Some(Slice { index: self.u64()?, calls: self.u32()?, failures: self.u32()? });
                Some(Phase::Closed { consecutive, slices: (0..count).map(slice).collect::<Option<_>>()? })
            }
            1 => Some(Phase::Open { until_ns: self.u64()? }),
            2 => {
                let (successes, count) = (self.u32()?, self.u8()?);
                let probe = |_| Some(Probe { id: self.u64()?, expires_ns: self.u64()? });
                Some(Phase::HalfOpen { successes, probes: (0..count).map(probe).collect::<Option<_>>()? })
            }
            _ => None,
        }
    }
}
