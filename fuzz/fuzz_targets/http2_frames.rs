#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tokigate::testing::fuzz::http2_frames(bytes));
