//! A stable 128-bit content hash for cache keys and file names.
//!
//! FNV-1a twice with different bases. It guards against accidents, not against an adversary:
//! whoever can write to the cache can also replace what is in it.

const PRIME: u64 = 0x0000_0100_0000_01b3;
const BASES: [u64; 2] = [0xcbf2_9ce4_8422_2325, 0x6c62_272e_07bb_0142];

/// Collects parts; each is length-prefixed, so `("ab", "c")` and `("a", "bc")` differ.
#[derive(Clone)]
pub(crate) struct Hasher([u64; 2]);

impl Hasher {
    /// A hasher that has seen nothing.
    pub(crate) fn new() -> Self {
        Self(BASES)
    }

    /// Adds one part.
    pub(crate) fn part(mut self, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        self.write(&(bytes.len() as u64).to_le_bytes());
        self.write(bytes);
        self
    }

    /// The hash as 32 hexadecimal digits.
    pub(crate) fn hex(&self) -> String {
        format!("{:016x}{:016x}", self.0[0], self.0[1])
    }

    fn write(&mut self, bytes: &[u8]) {
        for (lane, state) in self.0.iter_mut().enumerate() {
            for byte in bytes {
                *state =
                    (*state ^ u64::from(byte.rotate_left(lane as u32 * 3))).wrapping_mul(PRIME);
            }
        }
    }
}
