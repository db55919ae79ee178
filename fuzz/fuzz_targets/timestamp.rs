#![no_main]

use countersign_fuzz::{forge, targets};

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::timestamp(data));

libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    forge::mutate(data, size, max_size, seed, forge::timestamp)
});
