//! The stored estimates of one bucket.
//!
//! Layout 1, little-endian: `1u8`, then estimates until the end, each of: key length `u16`, the key, touched `u64` ns,
//! observations `u32`, mean `u64` µs, deviation `u64` µs, next probe `u64` ns. Bytes that are not exactly this are
//! unreadable, never empty.

use super::estimate::Estimate;
use crate::bucket::Failure;

const LAYOUT: u8 = 1;

/// How many estimates one record holds. With 1,024 records there is room for many more models than there are.
const ROOM: usize = 8;

/// The estimates of one record.
#[derive(Debug, Default)]
pub(crate) struct Record<'a>(Vec<Stored<'a>>);

#[derive(Debug)]
struct Stored<'a> {
    key: &'a str,
    touched_ns: u64,
    estimate: Estimate,
}

impl<'a> Record<'a> {
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self, Failure> {
        Self::read(bytes).ok_or(Failure::Corrupt)
    }

    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (layout, mut rest) = bytes.split_first()?;
        let mut record = Self(Vec::with_capacity(2));
        while !rest.is_empty() {
            let (length, after) = rest.split_first_chunk()?;
            let (key, after) = after.split_at_checked(u16::from_le_bytes(*length).into())?;
            let (touched, after) = after.split_first_chunk()?;
            let (observations, after) = after.split_first_chunk()?;
            let (mean, after) = after.split_first_chunk()?;
            let (deviation, after) = after.split_first_chunk()?;
            let (probe_from, after) = after.split_first_chunk()?;
            let estimate = Estimate {
                observations: u32::from_le_bytes(*observations),
                mean_us: u64::from_le_bytes(*mean),
                deviation_us: u64::from_le_bytes(*deviation),
                probe_from_ns: u64::from_le_bytes(*probe_from),
            };
            let key = std::str::from_utf8(key).ok()?;
            record.0.push(Stored { key, touched_ns: u64::from_le_bytes(*touched), estimate });
            rest = after;
        }
        (*layout == LAYOUT && record.0.len() <= ROOM).then_some(record)
    }

    /// The estimate for a key, one that knows nothing if there is none.
    pub(crate) fn estimate(&self, key: &str) -> Estimate {
        self.0.iter().find(|stored| stored.key == key).map(|stored| stored.estimate).unwrap_or_default()
    }

    /// Puts an estimate in. Where there is no room the one that was quiet for longest is forgotten.
    pub(crate) fn put(&mut self, now_ns: u64, key: &'a str, estimate: Estimate) {
        self.0.retain(|stored| stored.key != key);
        if self.0.len() >= ROOM {
            let quietest = self.0.iter().enumerate().min_by_key(|(_, stored)| stored.touched_ns);
            if let Some(at) = quietest.map(|(at, _)| at) {
                self.0.remove(at);
            }
        }
        self.0.push(Stored { key, touched_ns: now_ns, estimate });
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len().saturating_mul(96).saturating_add(1));
        bytes.push(LAYOUT);
        for Stored { key, touched_ns, estimate } in &self.0 {
            bytes.extend_from_slice(&u16::try_from(key.len()).unwrap_or(u16::MAX).to_le_bytes());
            bytes.extend_from_slice(key.as_bytes());
            bytes.extend_from_slice(&touched_ns.to_le_bytes());
            bytes.extend_from_slice(&estimate.observations.to_le_bytes());
            bytes.extend_from_slice(&estimate.mean_us.to_le_bytes());
            bytes.extend_from_slice(&estimate.deviation_us.to_le_bytes());
            bytes.extend_from_slice(&estimate.probe_from_ns.to_le_bytes());
        }
        bytes
    }
}
