//! Any method with any parameters: the answer is a result or an error of the table, never an internal error, never
//! a panic, and never a word of what is private.
#![no_main]

use bmn_fuzz::requests::{Requests, Script};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static REQUESTS: LazyLock<Requests> = LazyLock::new(Requests::new);

fuzz_target!(|data: &[u8]| {
    let mut script = Script::new(data);
    while let Some(request) = REQUESTS.next(&mut script) {
        REQUESTS.check(&request);
    }
});
