//! The target `ec2` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    arbiter_fuzz::targets::ec2(bytes);
});
