//! Short runs of zeros.
//!
//! Words of 32 bytes that hold an address, an amount or a chain id are mostly zeros. A run of them is
//! written as one zero byte and the length of the run, 1 to 255; every other byte stands for itself.

/// Appends `bytes` to `out`, packed.
pub(crate) fn pack(bytes: &[u8], out: &mut Vec<u8>) {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte == 0) {
        let zeros = rest[at..].iter().take(255).take_while(|byte| **byte == 0).count();
        out.extend_from_slice(&rest[..at]);
        // At most 255 by the `take` above.
        out.extend_from_slice(&[0, zeros as u8]);
        rest = &rest[at + zeros..];
    }
    out.extend_from_slice(rest);
}

/// The bytes that [`pack`] was given; `None` for what it never writes.
pub(crate) fn unpack(packed: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(packed.len() * 2);
    let mut rest = packed;
    while let Some(at) = rest.iter().position(|byte| *byte == 0) {
        out.extend_from_slice(&rest[..at]);
        let zeros = *rest.get(at + 1).filter(|zeros| **zeros > 0)?;
        out.resize(out.len() + usize::from(zeros), 0);
        rest = &rest[at + 2..];
    }
    out.extend_from_slice(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        pack(bytes, &mut out);
        out
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_back(
            runs in prop::collection::vec((prop::collection::vec(1u8.., 0..9), 0..600usize), 0..6)
        ) {
            let bytes: Vec<u8> =
                runs.into_iter().flat_map(|(some, zeros)| [some, vec![0; zeros]].concat()).collect();
            let packed = packed(&bytes);
            prop_assert_eq!(unpack(&packed), Some(bytes));
        }
    }

    #[test]
    fn a_word_of_an_address_shrinks_and_what_was_never_packed_is_refused() {
        assert_eq!(packed(&[0; 32]), [0, 32]);
        assert_eq!(packed(&[&[0; 12][..], &[7; 20]].concat()).len(), 22);
        assert_eq!(unpack(&[1, 0]), None);
        assert_eq!(unpack(&[0, 0]), None);
    }
}
