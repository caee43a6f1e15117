//! Bytes are a history of two chains and a failing disk; the index must equal a rebuild after it.
#![no_main]

use bmn_fuzz::histories::{Bytes, draw_history, run};
use libfuzzer_sys::fuzz_target;

/// Longer histories find nothing that shorter ones do not, and take longer.
const STEPS: usize = 40;

fuzz_target!(|data: &[u8]| {
    let steps = draw_history(&mut Bytes::new(data), STEPS);
    if let Err(broken) = run(&steps) {
        panic!("step {}: {}\n{steps:#?}", broken.step, broken.what);
    }
});
