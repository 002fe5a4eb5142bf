//! Which characters are their own spelling, and what the others become where that depends on the character alone.
//!
//! Knows the scripts in which most is written, by ranges; what it does not know is [`Spelling::Unknown`], and the
//! definition of [`super::fold`] decides. Invariant, tested for every character: it never says what the definition
//! does not.

/// What becomes of a character that no mark follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    /// Itself.
    Plain,
    /// Another character.
    Other(char),
    /// Three dots.
    Ellipsis,
    /// Nothing: nobody sees it.
    Gone,
    /// A mark that stays as it is on a letter that has no other.
    Mark,
    /// The definition knows.
    Unknown,
}

/// Characters that are themselves, as long as no mark follows: they compose with nothing before them, either. A subset
/// will do.
const PLAIN: &[(u32, u32)] = &[
    (0x00, 0x7F),
    // Signs of Latin-1; its compatibility forms (ª, ², ½ …) are not among them.
    (0xA1, 0xA7),
    (0xA9, 0xA9),
    (0xAB, 0xAC),
    (0xAE, 0xAE),
    (0xB0, 0xB1),
    (0xB6, 0xB7),
    (0xBB, 0xBB),
    (0xBF, 0xBF),
    // Small letters of Latin, Greek and Cyrillic.
    (0xD7, 0xD7),
    (0xDF, 0xFF),
    (0x3AC, 0x3CE),
    (0x430, 0x45F),
    // Hebrew and Arabic letters, Arabic's digits and punctuation.
    (0x5BE, 0x5BE),
    (0x5D0, 0x5EA),
    (0x60C, 0x60F),
    (0x61B, 0x61B),
    (0x61E, 0x63A),
    (0x640, 0x64A),
    (0x660, 0x66F),
    (0x679, 0x6D3),
    (0x6F0, 0x6FC),
    // Devanagari, Thai and Georgian.
    (0x904, 0x939),
    (0x93D, 0x94C),
    (0x950, 0x950),
    (0x964, 0x970),
    (0xE01, 0xE32),
    (0xE34, 0xE37),
    (0xE40, 0xE47),
    (0xE4F, 0xE5B),
    (0x10D0, 0x10FA),
    // Dashes, quotation marks, bullets, signs of money.
    (0x2010, 0x2010),
    (0x2012, 0x2016),
    (0x2018, 0x2023),
    (0x2027, 0x2027),
    (0x2030, 0x2032),
    (0x2039, 0x203B),
    (0x2044, 0x2044),
    (0x20A0, 0x20A7),
    (0x20A9, 0x20BF),
    // Arrows, mathematics, boxes, symbols.
    (0x2190, 0x2211),
    (0x2213, 0x222B),
    (0x2248, 0x2248),
    (0x2260, 0x226F),
    (0x2300, 0x2328),
    (0x232B, 0x23FF),
    (0x2500, 0x27BF),
    (0x2B00, 0x2B73),
    // Chinese, Japanese and Korean.
    (0x3001, 0x3020),
    (0x3041, 0x3096),
    (0x309D, 0x309E),
    (0x30A0, 0x30FE),
    (0x3105, 0x312F),
    (0x3400, 0x9FFF),
    (0xAC00, 0xD7A3),
    (0xFFFD, 0xFFFD),
];

/// Pictures.
const PICTURES: &[(u32, u32)] = &[(0x1F000, 0x1F0FF), (0x1F1E6, 0x1F1FF), (0x1F300, 0x1FAFF)];

/// Marks that stay where they stand alone: they compose with no letter.
const MARKS: &[(u32, u32)] =
    &[(0x5B0, 0x5BD), (0x5C1, 0x5C2), (0x64B, 0x652), (0x94D, 0x94D), (0xE38, 0xE3A), (0xE48, 0xE4B)];

/// Letters that stand in pairs, a capital at an even code before its small letter.
const PAIRS_EVEN: &[(u32, u32)] = &[
    (0x100, 0x12F),
    (0x134, 0x137),
    (0x14A, 0x177),
    (0x460, 0x481),
    (0x48A, 0x4BF),
    (0x4D0, 0x52F),
    (0x1E00, 0x1E95),
    (0x1EA0, 0x1EFF),
];

/// The same, at odd codes.
const PAIRS_ODD: &[(u32, u32)] = &[(0x139, 0x13E), (0x141, 0x148), (0x179, 0x17E), (0x4C1, 0x4CE)];

/// For every 64 characters, which of them are meant.
type Blocks<const COUNT: usize> = [u64; COUNT];

static PLAIN_BELOW_10000: Blocks<1_024> = {
    let blocks = with(with([0; 1_024], PLAIN, 0, 1), PAIRS_EVEN, 1, 2);
    with(blocks, PAIRS_ODD, 1, 2)
};
/// From U+1F000 on.
static PICTURES_FROM_1F000: Blocks<64> = {
    let mut blocks = [0; 64];
    let mut rest = PICTURES;
    while let [(first, last), tail @ ..] = rest {
        set(&mut blocks, first.saturating_sub(0x1_F000), last.saturating_sub(0x1_F000), 1);
        rest = tail;
    }
    blocks
};
/// Capitals right before their small letters.
static CAPITALS_BELOW_2000: Blocks<128> = with(with([0; 128], PAIRS_EVEN, 0, 2), PAIRS_ODD, 0, 2);
static MARKS_BELOW_1000: Blocks<64> = with([0; 64], MARKS, 0, 1);

const fn with<const N: usize>(blocks: Blocks<N>, ranges: &[(u32, u32)], skip: u32, step: u32) -> Blocks<N> {
    let mut blocks = blocks;
    let mut rest = ranges;
    while let [(first, last), tail @ ..] = rest {
        set(&mut blocks, first.saturating_add(skip), *last, step);
        rest = tail;
    }
    blocks
}

#[inline]
fn has(blocks: &[u64], code: u32) -> bool {
    blocks.get((code >> 6) as usize).is_some_and(|block| (block >> (code & 63)) & 1 == 1)
}

const fn set(blocks: &mut [u64], first: u32, last: u32, step: u32) {
    let mut code = first;
    while code <= last {
        if let Some((_, [block, ..])) = blocks.split_at_mut_checked((code >> 6) as usize) {
            // Whole blocks at once: the large scripts have thousands of characters.
            if step == 1 && code & 63 == 0 && code.saturating_add(63) <= last {
                *block = u64::MAX;
                code = code.saturating_add(64);
                continue;
            }
            *block |= 1 << (code & 63);
        }
        code = code.saturating_add(step);
    }
}

/// Whether the character of this block is plain: `block` is its code without the lowest six bits.
#[inline]
pub(super) fn is_plain_in(block: usize, low: u8) -> bool {
    PLAIN_BELOW_10000.get(block).is_some_and(|plain| (plain >> (low & 63)) & 1 == 1)
}

/// Whether the character of a block of pictures is one: `block` is its code from U+1F000 on, without the lowest six bits.
#[inline]
pub(super) fn is_picture_in(block: u8, low: u8) -> bool {
    let block = PICTURES_FROM_1F000.get(usize::from(block & 63)).copied().unwrap_or_default();
    (block >> (low & 63)) & 1 == 1
}

/// Whether the character is itself where no mark follows it.
#[inline]
pub(super) fn is_plain(character: char) -> bool {
    let code = u32::from(character);
    if code < 0x1_0000 {
        is_plain_in((code >> 6) as usize, (code & 63) as u8)
    } else {
        code >> 12 == 0x1F && is_picture_in((code >> 6) as u8, (code & 63) as u8)
    }
}

/// What becomes of the character.
#[inline]
pub(super) fn of(character: char) -> Spelling {
    let code = u32::from(character);
    let up = |by: u32| char::from_u32(code.saturating_add(by)).map_or(Spelling::Unknown, Spelling::Other);
    let down = |by: u32| char::from_u32(code.saturating_sub(by)).map_or(Spelling::Unknown, Spelling::Other);
    match code {
        _ if is_plain(character) => Spelling::Plain,
        0xAD | 0x61C | 0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x206F | 0xFE00..=0xFE0F | 0xFEFF => {
            Spelling::Gone
        }
        // Every space.
        0x85 | 0xA0 | 0x1680 | 0x2000..=0x200A | 0x2028 | 0x2029 | 0x202F | 0x205F | 0x3000 => {
            Spelling::Other(' ')
        }
        // Capitals whose small letters stand apart.
        0xC0..=0xDE | 0x391..=0x3A1 | 0x3A3..=0x3AB | 0x410..=0x42F => up(32),
        0x386 => up(38),
        0x388..=0x38A => up(37),
        0x38C => up(64),
        0x38E | 0x38F => up(63),
        0x400..=0x40F => up(80),
        0x178 => Spelling::Other('ÿ'),
        0x2011 => Spelling::Other('\u{2010}'),
        0x2026 => Spelling::Ellipsis,
        // ASCII, as wide as Chinese.
        0xFF01..=0xFF5E => down(0xFEE0),
        _ if has(&MARKS_BELOW_1000, code) => Spelling::Mark,
        _ if has(&CAPITALS_BELOW_2000, code) => up(1),
        _ => Spelling::Unknown,
    }
}
