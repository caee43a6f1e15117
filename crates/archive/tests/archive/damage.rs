//! Every kind of damage is found, named with its place, and nothing panics.

use crate::files::{file, options, preamble, records, small_frames};
use alloy::{
    consensus::Header,
    primitives::{B256, Bytes, keccak256},
    rlp::Decodable,
};
use bmn_archive::{
    ArchiveError, ArchivedBlock, BlockProblem, Ending, Events, Reader, Record, Writer,
    generate::{Generator, Shape},
    resume_point, verify,
};
use bmn_primitives::ErrorClass;
use proptest::prelude::*;
use std::sync::LazyLock;

struct Sample {
    bytes: Vec<u8>,
    frames: Vec<usize>,
    records: Vec<Record>,
}

static SAMPLE: LazyLock<Sample> = LazyLock::new(|| {
    let options = options(Shape::Dense, 10);
    let (bytes, trailer) = file(&options, small_frames());
    let frames = trailer.index.iter().map(|entry| usize::try_from(entry.offset).unwrap());
    let frames = frames.collect();
    Sample { bytes, frames, records: Generator::new(options).unwrap().collect() }
});

fn problem(bytes: &[u8]) -> ArchiveError {
    let error = verify(bytes, |_, _| ()).unwrap_err();
    assert!(matches!(error.class(), ErrorClass::Corrupt | ErrorClass::Permanent), "{error}");
    error
}

#[test]
fn other_files_are_told_from_archives() {
    for (bytes, says) in [
        (&b""[..], "shorter"),
        (b"\x7fELF and so on", "another kind"),
        (b"\x89BMNA\n\x1a\x00\x00\x00\x00", "text transfer"),
    ] {
        let error = problem(bytes);
        assert!(matches!(error, ArchiveError::NotAnArchive(_)), "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
    let mut preamble = SAMPLE.bytes.clone();
    preamble[14] ^= 4;
    assert!(matches!(problem(&preamble), ArchiveError::Preamble(_)));
}

#[test]
fn frames_that_were_changed_removed_repeated_or_swapped_are_found() {
    let Sample { bytes, frames, .. } = &*SAMPLE;
    let [first, second, third] = frames.as_slice() else { panic!("three frames") };
    let cut = |ranges: &[std::ops::Range<usize>]| -> Vec<u8> {
        ranges.iter().flat_map(|range| bytes[range.clone()].to_vec()).collect()
    };
    let end = bytes.len();
    let changed = |at: usize| {
        let mut changed = bytes.clone();
        changed[at] ^= 0x10;
        changed
    };
    for (name, damaged, frame, says) in [
        ("header", changed(second + 6), Some(1), "header is damaged"),
        ("contents", changed(second + 300), Some(1), "checksum does not fit"),
        ("removed", cut(&[0..*second, *third..end]), Some(1), "not the child"),
        ("last removed", cut(&[0..*third, trailer_at()..end]), Some(2), "belongs to other frames"),
        ("repeated", cut(&[0..*third, *second..end]), Some(2), "not the child"),
        ("swapped", cut(&[0..*first, *second..*third, *first..*second, *third..end]), Some(0), ""),
        ("more behind", [bytes.as_slice(), b"x"].concat(), None, "behind the trailer"),
    ] {
        let error = problem(&damaged);
        let text = error.to_string();
        assert!(text.contains(says), "{name}: {text}");
        if let (
            Some(frame),
            ArchiveError::Damaged { place, .. } | ArchiveError::Contradiction { place, .. },
        ) = (frame, &error)
        {
            assert_eq!(place.frame, frame, "{name}: {text}");
        }
    }
}

fn trailer_at() -> usize {
    let at = SAMPLE.bytes.windows(4).rposition(|window| window == b"ENDS");
    at.unwrap()
}

#[test]
fn a_missing_trailer_is_no_damage_but_is_said() {
    let report = verify(&SAMPLE.bytes[..trailer_at()], |_, _| ()).unwrap();
    assert_eq!(report.ending, Ending::CutOff { offset: trailer_at() as u64, lost: 0 });
    assert_eq!(report.totals.blocks, 10);
}

/// A whole file with right checksums around a block that is wrong.
fn with_block(change: impl FnOnce(&mut ArchivedBlock)) -> (u64, BlockProblem) {
    let Record::Block(mut block) = SAMPLE.records[0].clone() else { panic!("a block") };
    change(&mut block);
    let mut writer = Writer::create(Vec::new(), &preamble(), small_frames()).unwrap();
    writer.push(&Record::Block(block)).unwrap();
    let (bytes, _) = writer.finish().unwrap();
    match problem(&bytes) {
        ArchiveError::Contradiction { place, problem } => (place.block.unwrap(), problem),
        other => panic!("{other}"),
    }
}

fn with_header(change: impl FnOnce(&mut Header)) -> (u64, BlockProblem) {
    with_block(|block| {
        let mut header = Header::decode(&mut block.header.as_ref()).unwrap();
        change(&mut header);
        block.header = alloy::rlp::encode(&header).into();
        block.hash = keccak256(&block.header);
    })
}

#[test]
fn blocks_that_contradict_their_hashes_are_found() {
    let (block, found) = with_block(|block| block.hash = B256::repeat_byte(1));
    assert!(block == 1 && matches!(found, BlockProblem::HeaderHash { .. }), "{found}");
    let (_, found) = with_header(|header| header.receipts_root = B256::repeat_byte(2));
    assert!(matches!(found, BlockProblem::ReceiptsRoot { .. }), "{found}");
    let (_, found) = with_header(|header| header.logs_bloom.0[5] ^= 1);
    assert_eq!(found, BlockProblem::HeaderBloom);
    // A receipt that lost its last log's last byte of meaning.
    let (_, found) = with_block(|block| {
        let mut receipt = block.receipts[2].receipt.to_vec();
        *receipt.last_mut().unwrap() ^= 1;
        block.receipts[2].receipt = receipt.into();
    });
    assert!(matches!(found, BlockProblem::ReceiptsRoot { .. }), "{found}");
    let (_, found) = with_block(|block| {
        block.receipts.swap(0, 1);
    });
    assert!(matches!(found, BlockProblem::ReceiptsRoot { .. }), "{found}");
    // A bloom inside a receipt that its logs do not give, with a root that fits it.
    let (_, found) = with_block(|block| {
        let mut receipt = block.receipts[0].receipt.to_vec();
        // The bloom is the first string of 256 bytes: b90100.
        let at = receipt.windows(3).position(|w| w == [0xb9, 0x01, 0x00]).unwrap() + 3;
        receipt[at + 9] ^= 1;
        block.receipts[0].receipt = receipt.into();
        let root = alloy::consensus::proofs::ordered_trie_root_with_encoder(
            &block.receipts,
            |receipt, out| alloy::rlp::BufMut::put_slice(out, &receipt.receipt),
        );
        let mut header = Header::decode(&mut block.header.as_ref()).unwrap();
        header.receipts_root = root;
        block.header = alloy::rlp::encode(&header).into();
        block.hash = keccak256(&block.header);
    });
    assert_eq!(found, BlockProblem::ReceiptBloom(0));
}

/// All that can be done with a file.
fn use_in_every_way(bytes: &[u8]) {
    if let Ok(reader) = Reader::new(bytes) {
        for record in reader.flatten() {
            if let Record::Block(block) = record {
                let _ = (block.block(), block.log_count(), bmn_archive::check_block(&block));
            }
        }
    }
    if let Ok(reader) = Reader::new(bytes) {
        let _ = Events::new(reader, 3).take_while(Result::is_ok).count();
    }
    let _ = (resume_point(bytes), verify(bytes, |_, _| ()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_changed_byte_goes_unseen(at in 0..SAMPLE.bytes.len(), bits in 1..=255_u8) {
        let mut bytes = SAMPLE.bytes.clone();
        bytes[at] ^= bits;
        prop_assert!(verify(bytes.as_slice(), |_, _| ()).is_err());
        let (found, _) = records(&bytes);
        prop_assert!(SAMPLE.records.starts_with(&found));
        use_in_every_way(&bytes);
    }

    #[test]
    fn bytes_that_are_moved_are_never_believed(
        from in 0..SAMPLE.bytes.len(), length in 1..2000_usize, to in 0..SAMPLE.bytes.len(),
    ) {
        let mut bytes = SAMPLE.bytes.clone();
        let piece: Vec<u8> = bytes.drain(from..(from + length).min(bytes.len())).collect();
        let to = to.min(bytes.len());
        bytes.splice(to..to, piece);
        let (found, _) = records(&bytes);
        prop_assert!(SAMPLE.records.starts_with(&found));
        use_in_every_way(&bytes);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        use_in_every_way(&bytes);
        use_in_every_way(&[&SAMPLE.bytes[..SAMPLE.frames[0]], bytes.as_slice()].concat());
    }

    #[test]
    fn no_block_makes_it_panic(
        header in proptest::collection::vec(any::<u8>(), 0..600),
        receipt in proptest::collection::vec(any::<u8>(), 0..600),
    ) {
        let Record::Block(mut block) = SAMPLE.records[0].clone() else { panic!("a block") };
        block.receipts[0].receipt = Bytes::from(receipt);
        let _ = (block.block(), block.log_count(), bmn_archive::check_block(&block));
        block.header = Bytes::from(header);
        let _ = (block.block(), bmn_archive::check_block(&block));
    }
}
