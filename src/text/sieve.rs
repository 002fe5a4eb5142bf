//! Finds where something that is looked for may begin, by every second pair of bytes.
//!
//! What is looked for is sorted into a few buckets. A table says of each pair at which of a beginning's offsets it may
//! stand, for each bucket and whether the beginning is at an even or an odd distance: a bit that is set says that it may
//! not. The bits of four pairs in a row, each shifted by its place, come together in one word, and where a bit is still
//! clear something may begin. Where only ASCII is looked for, eight bytes without two adjacent ones of it are passed
//! over at once. Invariant: no beginning is missed; the work for a text is bounded by its length, whatever the text.

/// Entries of a table.
const SLOTS: usize = 1 << 13;
/// How many groups are told apart.
const BUCKETS: usize = 4;
/// Pairs that are looked at for a beginning, at most.
const STEPS: usize = 4;
/// At how many offsets of a beginning they may stand.
pub(super) const MOST_OFFSETS: usize = 2 * STEPS;
/// Bytes that decide about a beginning.
pub(super) const REACH: usize = MOST_OFFSETS + 1;
/// Fewer offsets than these tell too little to do without the rest.
const LEAST_OFFSETS: usize = 3;

/// Bytes that are looked at together.
const BLOCK: usize = 16;
/// Letters in either case are alike, and some signs.
const FOLD: u64 = 0x2020_2020_2020_2020;
const HIGH: u64 = 0x8080_8080_8080_8080;
/// The first bytes of a word's pairs.
const FIRSTS: u64 = 0x0080_0080_0080_0080;
/// Nothing begins before the first pair.
const NOT_BEFORE: u64 = 0x00FF_FFFF;

/// Beginnings that are looked for as one: of each pair, the offsets at which it may stand, a bit each.
pub(super) struct Cluster {
    places: Box<[u8; SLOTS]>,
    offsets: usize,
    /// The least offset at which a byte beyond ASCII may stand.
    ascii: usize,
    /// The offsets at which nevertheless any byte may follow one of ASCII.
    open: u8,
}

impl Cluster {
    /// Beginnings that are known at so many offsets, at least two.
    pub(super) fn new(offsets: usize) -> Self {
        let offsets = offsets.clamp(1, MOST_OFFSETS);
        Self { places: Box::new([0; SLOTS]), offsets, ascii: MOST_OFFSETS, open: 0 }
    }

    /// Texts of at least three bytes: the last one too stands at a known offset, whatever follows it.
    pub(super) fn of_texts(texts: &[&[u8]]) -> Self {
        let mut cluster = Self::new(texts.iter().map(|text| text.len()).min().unwrap_or(0));
        for text in texts {
            for (offset, pair) in text.windows(2).enumerate() {
                if let [first, second] = *pair {
                    cluster.add(offset, first, second);
                }
            }
            if let Some((last, before)) = text.split_last()
                && before.len() < cluster.offsets
            {
                let ascii = cluster.ascii;
                (0..=u8::MAX).for_each(|any| cluster.add(before.len(), *last, any));
                if last.is_ascii() {
                    cluster.ascii = ascii;
                    cluster.open |= 1 << (before.len() & 7);
                }
            }
        }
        cluster
    }

    /// The pair may stand at `offset`.
    pub(super) fn add(&mut self, offset: usize, first: u8, second: u8) {
        if offset >= self.offsets {
            return;
        }
        if !first.is_ascii() || !second.is_ascii() {
            self.ascii = self.ascii.min(offset);
        }
        if let Some(place) = self.places.get_mut(slot(mix(pair(first, second)))) {
            *place |= 1 << (offset & 7);
        }
    }

    /// Without what stands behind its ASCII, if that alone tells enough.
    fn cut(mut self) -> Self {
        if self.ascii >= LEAST_OFFSETS {
            self.offsets = self.offsets.min(self.ascii);
        }
        self
    }

    fn is_ascii(&self) -> bool {
        self.ascii >= self.offsets
    }

    /// Takes the bit away from the entries of all pairs that may stand at `offset`.
    #[inline(never)]
    fn permit(&self, offset: usize, is_free: bool, bit: u32, table: &mut [u32; SLOTS]) {
        for (entry, place) in table.iter_mut().zip(self.places.iter()) {
            if is_free || place >> (offset & 7) & 1 == 1 {
                *entry &= !bit;
            }
        }
    }

    fn join(&mut self, other: &Self) {
        self.places.iter_mut().zip(other.places.iter()).for_each(|(place, other)| *place |= other);
        self.offsets = self.offsets.min(other.offsets);
        self.ascii = self.ascii.min(other.ascii);
        self.open |= other.open;
    }

    /// How often one of both is met in a text of these slots, by how common their pairs are in it: a product.
    fn weight(&self, other: &Self, text: &[usize]) -> u128 {
        let mut common = [1_u128; MOST_OFFSETS];
        for slot in text {
            let places = |cluster: &Self| cluster.places.get(*slot).copied().unwrap_or_default();
            let places = places(self) | places(other);
            if places != 0 {
                common.iter_mut().zip(0..).for_each(|(common, offset)| {
                    *common = common.saturating_add(u128::from(places >> offset & 1) << 2);
                });
            }
        }
        let known = common.into_iter().take(self.offsets.min(other.offsets));
        let any = (text.len() as u128) << 2;
        known.chain(std::iter::repeat(any)).take(MOST_OFFSETS).fold(1, u128::saturating_mul)
    }
}

const fn pair(first: u8, second: u8) -> u64 {
    u16::from_le_bytes([first, second]) as u64
}

/// Where a pair, folded and mixed, stands in a table.
#[inline]
const fn slot(mixed: u64) -> usize {
    (mixed & 0x1FFF) as usize
}

/// Brings what tells pairs of ASCII apart into the lowest bits of each: no two share a slot.
#[inline]
const fn mix(pairs: u64) -> u64 {
    let folded = pairs | FOLD;
    folded ^ folded >> 3
}

/// The table of some clusters.
pub(super) struct Sieve {
    /// Of each pair, by its hash: for each step, from the last to the first, a byte with a bit for each bucket that it
    /// rules out; the low half for beginnings one byte before the pair.
    table: Box<[u32; SLOTS]>,
    /// What four pairs rule out of which none is ASCII.
    strange: u64,
    /// Every bit where more than ASCII is looked for: nothing may be passed over then.
    always: u64,
}

impl Sieve {
    /// Of at least one cluster; `text` is what most texts are like.
    pub(super) fn new(clusters: Vec<Cluster>, text: &[u8]) -> Self {
        let mut clusters: Vec<Cluster> = clusters.into_iter().map(Cluster::cut).collect();
        let text: Vec<usize> = text
            .iter()
            .zip(text.iter().skip(1))
            .map(|(first, second)| slot(mix(pair(*first, *second))))
            .collect();
        while clusters.len() > BUCKETS {
            join_two(&mut clusters, &text);
        }
        let mut table = Box::new([u32::MAX; SLOTS]);
        let mut strange = u32::MAX;
        for (bucket, cluster) in clusters.iter().enumerate() {
            for offset in 0..MOST_OFFSETS {
                let (step, is_odd) = (offset / 2, offset & 1 == 1);
                let lane = STEPS.saturating_sub(1).saturating_sub(step).saturating_mul(8);
                let half = if is_odd { 0 } else { BUCKETS };
                let bit = 1_u32 << (lane.saturating_add(half).saturating_add(bucket) & 31);
                let is_free = offset >= cluster.offsets;
                let is_open = is_free || cluster.open >> (offset & 7) & 1 == 1;
                strange &= if is_open { !bit } else { u32::MAX };
                cluster.permit(offset, is_free, bit, &mut table);
            }
        }
        let is_ascii = clusters.iter().all(Cluster::is_ascii);
        let strange = u64::from(strange);
        Self {
            table,
            strange: strange | strange << 8 | strange << 16 | strange << 24,
            always: if is_ascii { 0 } else { u64::MAX },
        }
    }

    /// Whether nothing begins where there are not two adjacent bytes of ASCII.
    pub(super) fn is_ascii(&self) -> bool {
        self.always == 0
    }

    /// Shows each place from `from` to before `until` where something may begin, the first one first, until `look` has
    /// seen enough: whether it has.
    pub(super) fn each(
        &self,
        text: &[u8],
        from: usize,
        until: usize,
        look: &mut dyn FnMut(usize) -> bool,
    ) -> bool {
        let until = until.min(text.len());
        let end = until.saturating_add(REACH).min(text.len());
        let (mut blocks, rest) = text.get(from..end).unwrap_or_default().as_chunks();
        let mut last = [0; BLOCK];
        last.iter_mut().zip(rest).for_each(|(last, byte)| *last = *byte);
        let mut at = from;
        let mut state = NOT_BEFORE;
        while let Some((block, after)) = blocks.split_first() {
            blocks = after;
            let open = self.sift(block, &mut state);
            if open != 0 && starts(open, at, from..until, look) {
                return true;
            }
            at = at.saturating_add(BLOCK);
            if self.is_strange(block) {
                blocks = self.after_strange(blocks);
                at = at.saturating_add(after.len().saturating_sub(blocks.len()).saturating_mul(BLOCK));
            }
        }
        // Behind the end, until the last beginning is complete.
        [last, [0; BLOCK]].iter().any(|block| {
            let (at_block, open) = (at, self.sift(block, &mut state));
            at = at.saturating_add(BLOCK);
            open != 0 && starts(open, at_block, from..until, look)
        })
    }

    /// The beginnings that are complete with this block: four bits for each byte, and each of them for a bucket.
    #[inline]
    fn sift(&self, block: &[u8; BLOCK], state: &mut u64) -> u64 {
        if self.is_strange(block) {
            let open = u64::from(!(*state | self.strange) as u32);
            *state = NOT_BEFORE;
            return open;
        }
        let [first, second] = words(block);
        *state |= self.ruled_out(first);
        let open = u64::from(!*state as u32);
        *state = *state >> 32 | self.ruled_out(second);
        let open = open | u64::from(!*state as u32) << 32;
        *state >>= 32;
        open
    }

    /// What the four pairs of a word rule out.
    #[inline]
    fn ruled_out(&self, word: u64) -> u64 {
        let mixed = mix(word);
        // The slot is below the size, whatever is looked up: nothing is checked here.
        let look = |pair: u64| u64::from(self.table.get(slot(pair)).copied().unwrap_or_default());
        look(mixed) | look(mixed >> 16) << 8 | look(mixed >> 32) << 16 | look(mixed >> 48) << 24
    }

    /// Whether nothing that is looked for holds one of a block's pairs.
    #[inline]
    fn is_strange(&self, block: &[u8; BLOCK]) -> bool {
        ascii_pairs(block) | self.always == 0
    }

    /// Where blocks of which none holds a pair of ASCII end.
    #[inline]
    fn after_strange<'t>(&self, blocks: &'t [[u8; BLOCK]]) -> &'t [[u8; BLOCK]] {
        let mut blocks = blocks;
        while let Some(([first, second], after)) = blocks.split_first_chunk::<2>() {
            if ascii_pairs(first) | ascii_pairs(second) | self.always != 0 {
                break;
            }
            blocks = after;
        }
        blocks
    }
}

#[inline]
fn words(block: &[u8; BLOCK]) -> [u64; 2] {
    let block = u128::from_le_bytes(*block);
    [block as u64, (block >> 64) as u64]
}

/// Bits for those of a block's pairs that are ASCII.
#[inline]
fn ascii_pairs(block: &[u8; BLOCK]) -> u64 {
    let [first, second] = words(block).map(|word| {
        let ascii = !word & HIGH;
        ascii & ascii >> 8 & FIRSTS
    });
    first | second
}

/// Shows the beginnings that are complete with the block at `at`.
#[cold]
fn starts(open: u64, at: usize, among: std::ops::Range<usize>, look: &mut dyn FnMut(usize) -> bool) -> bool {
    let mut open = open;
    while open != 0 {
        // Beginnings in their order, four bits each: the first pair is three before the one that completes it.
        let nibble = open.trailing_zeros() >> 2;
        let start = at.saturating_add(nibble as usize).checked_sub(2 * STEPS - 1);
        if start.is_some_and(|start| among.contains(&start) && look(start)) {
            return true;
        }
        open &= u64::MAX.checked_shl(nibble.saturating_add(1) << 2).unwrap_or(0);
    }
    false
}

/// Joins the two clusters that are met together hardly oftener than alone.
fn join_two(clusters: &mut Vec<Cluster>, text: &[usize]) {
    let weights: Vec<u128> = clusters.iter().map(|cluster| cluster.weight(cluster, text)).collect();
    let known = || clusters.iter().zip(&weights).enumerate();
    let pairs = known().flat_map(|(first, (one, weight))| {
        known().skip(first.saturating_add(1)).map(move |(second, (other, other_weight))| {
            let alone = weight.saturating_add(*other_weight);
            (one.weight(other, text).saturating_sub(alone), first, second)
        })
    });
    let best = pairs.min_by_key(|(more, ..)| *more);
    if let Some((_, first, second)) = best {
        let second = clusters.swap_remove(second);
        if let Some(first) = clusters.get_mut(first) {
            first.join(&second);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        /// Few letters, so that there is much to find and much that is nearly it; long runs of what is no ASCII.
        #[test]
        fn no_beginning_is_missed(
            needles in prop_oneof![
                proptest::collection::vec("[abA]{3,14}", 1..9),
                proptest::collection::vec("[abAé]{3,14}", 1..9),
            ],
            texts in proptest::collection::vec("[abAé ]{0,40}|(é中){0,30}", 0..6),
            around in proptest::collection::vec(("[é中]{5,20}", 0_usize..9), 0..9),
            from in 0_usize..20,
            until in 0_usize..600,
        ) {
            let cluster = |needle: &String| Cluster::of_texts(&[needle.as_bytes()]);
            let sieve = Sieve::new(needles.iter().map(cluster).collect(), b"a b Aab");
            let alone = around.iter().map(|(other, at)| format!("{other}{}", needles[at % needles.len()]));
            let text = (texts.concat() + &alone.collect::<String>() + "é中é").into_bytes();
            let mut found = Vec::new();
            sieve.each(&text, from, until, &mut |start| {
                found.push(start);
                false
            });
            prop_assert!(found.is_sorted_by(|a, b| a < b), "{found:?}");
            prop_assert!(found.iter().all(|start| (from..until.min(text.len())).contains(start)));
            for start in from..until.min(text.len()) {
                let begins = |needle: &String| text[start..].starts_with(needle.as_bytes());
                prop_assert!(!needles.iter().any(begins) || found.contains(&start), "{start}: {found:?}");
            }
        }
    }

    #[test]
    fn most_of_a_text_is_ruled_out() {
        let sieve = Sieve::new(vec![Cluster::of_texts(&[b"project falcon"])], b"");
        let mut found = Vec::new();
        let text = "Projekt Größe, the projector; 中文 project Falcon".as_bytes();
        assert!(sieve.each(text, 0, text.len(), &mut |start| {
            found.push(start);
            true
        }));
        assert_eq!(found, [text.len() - 14]);
        assert!(sieve.is_ascii());
    }
}
