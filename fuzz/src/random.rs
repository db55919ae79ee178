//! The choices of a mutator: all from the seed that libFuzzer gives it.

/// Room that a mutation of bytes may grow into.
const ROOM: usize = 64;

pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u32) -> Self {
        Self(u64::from(seed) << 1 | 1)
    }

    /// A number below `end`, which is not zero.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end
    }

    pub(crate) fn one_in(&mut self, end: usize) -> bool {
        self.below(end) == 0
    }

    pub(crate) fn of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }

    /// A mutation of libFuzzer's own.
    pub(crate) fn bytes(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        let length = bytes.len();
        bytes.resize(length + ROOM, 0);
        let length = libfuzzer_sys::fuzzer_mutate(&mut bytes, length, length + ROOM);
        bytes.truncate(length);
        bytes
    }
}
