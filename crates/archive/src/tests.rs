//! Files that nobody's writer makes: the checksums are right and the rest is hostile.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use crate::{
    ArchiveError, Ending, Events, Flags, MAX_FRAME_BYTES, Preamble, Reader, Record, Rollback,
    format::{FrameHeader, FrameKind, sha256},
    rlp::list,
    verify,
};
use alloy::{
    primitives::{B256, Bytes},
    rlp::Encodable,
};
use bmn_primitives::{BlockRef, ChainId};
use proptest::prelude::*;

fn preamble() -> Vec<u8> {
    let flags = Flags { generated: false, rollbacks: true };
    Preamble { chain: ChainId(1), first_block: 0, flags, writer: "test".to_owned() }.encode()
}

fn frame(packed: &[u8], raw: u32, records: u32) -> Vec<u8> {
    let nothing = (0, B256::ZERO);
    let mut header = FrameHeader {
        kind: FrameKind::Records,
        packed: u32::try_from(packed.len()).unwrap(),
        raw,
        records,
        first: nothing,
        last: nothing,
        checksum: B256::ZERO,
    };
    header.checksum = header.expected_checksum(packed);
    [preamble().as_slice(), &header.encode(), packed].concat()
}

fn packed(contents: &[u8], records: u32) -> Vec<u8> {
    let bytes = zstd::bulk::compress(contents, 3).unwrap();
    frame(&bytes, u32::try_from(contents.len()).unwrap(), records)
}

fn first_error(file: &[u8]) -> ArchiveError {
    Reader::new(file).unwrap().find_map(Result::err).unwrap()
}

#[test]
fn a_frame_that_unpacks_to_more_than_it_says_stops_there() {
    let bomb = zstd::bulk::compress(&vec![0; 32 << 20], 19).unwrap();
    assert!(bomb.len() < 10_000);
    let error = first_error(&frame(&bomb, 1_000, 1)).to_string();
    assert!(error.contains("does not decompress"), "{error}");
    // And one that says less than it holds of a valid size, and more.
    let error = first_error(&frame(&zstd::bulk::compress(&[1; 50], 3).unwrap(), 60, 1)).to_string();
    assert!(error.contains("another length"), "{error}");
}

#[test]
fn absurd_lengths_are_refused_before_anything_is_read() {
    for at in [4, 8] {
        let mut file = frame(&[], 0, 0);
        let start = preamble().len();
        file[start + at..start + at + 4].copy_from_slice(&u32::MAX.to_be_bytes());
        let guard = sha256(&[&file[start..start + 128]]);
        file[start + 128..start + 136].copy_from_slice(&guard[..8]);
        let error = first_error(&file);
        let ArchiveError::TooLarge { found, limit, .. } = error else { panic!("{error}") };
        assert_eq!((found, limit), (u64::from(u32::MAX), MAX_FRAME_BYTES as u64));
    }
    let mut file = b"\x89BMNA\r\n\x1a".to_vec();
    file.extend(u32::MAX.to_be_bytes());
    assert!(matches!(Reader::new(file.as_slice()), Err(ArchiveError::Preamble(_))));
}

#[test]
fn a_later_format_is_named_and_not_guessed_at() {
    let mut body = Vec::new();
    list(&mut body, |out| {
        2_u64.encode(out);
        list(out, |_| ());
    });
    let mut file = b"\x89BMNA\r\n\x1a".to_vec();
    file.extend(u32::try_from(body.len()).unwrap().to_be_bytes());
    file.extend(body);
    let check = sha256(&[&file]);
    file.extend(check);
    let error = Reader::new(file.as_slice()).unwrap_err();
    assert!(matches!(error, ArchiveError::NewerFormat { found: 2, known: 1 }), "{error}");
}

#[test]
fn a_rollback_of_what_is_not_there_is_found_and_an_absurd_one_bounded() {
    let rollback = |replaced_by| {
        let reverted = vec![BlockRef { number: 5, hash: B256::ZERO, time: 0 }];
        let mut bytes = Vec::new();
        Record::Rollback(Rollback { reverted, replaced_by }).encode(&mut bytes);
        packed(&bytes, 1)
    };
    let error = verify(rollback(0).as_slice(), |_, _| ()).unwrap_err().to_string();
    assert!(error.contains("takes #5") && error.contains("away"), "{error}");
    let file = rollback(u64::MAX);
    let mut events = Events::new(Reader::new(file.as_slice()).unwrap(), 1);
    let error = events.next().unwrap().unwrap_err();
    assert!(matches!(error, ArchiveError::TooLarge { .. }), "{error}");
}

#[test]
fn a_number_of_records_that_is_wrong_is_found() {
    let error = first_error(&packed(&[], 3)).to_string();
    assert!(error.contains("another number of records"), "{error}");
}

#[test]
fn control_characters_of_a_writer_reach_no_terminal() {
    let writer = "a\x1b[2Jb\n".to_owned();
    let preamble = Preamble { chain: ChainId(1), first_block: 0, flags: Flags::default(), writer };
    let (read, _) = Preamble::read(&mut preamble.encode().as_slice()).unwrap();
    assert_eq!(read.writer, "a[2Jb");
}

proptest! {
    #[test]
    fn no_contents_make_it_panic(
        contents in proptest::collection::vec(any::<u8>(), 0..300), records in 0..4_u32,
    ) {
        let file = packed(&contents, records);
        let mut reader = Reader::new(file.as_slice()).unwrap();
        for record in reader.by_ref().flatten() {
            if let Record::Block(block) = record {
                let _ = (block.block(), crate::check_block(&block));
            }
        }
        if let Some(ending) = reader.ending() {
            let whole_frames = matches!(ending, Ending::CutOff { lost: 0, .. });
            prop_assert!(whole_frames);
        }
        let _ = verify(file.as_slice(), |_, _| ());
    }

    #[test]
    fn any_record_is_read_as_it_was_written(
        hash in any::<[u8; 32]>(),
        header in proptest::collection::vec(any::<u8>(), 0..80),
        receipts in proptest::collection::vec(
            (any::<[u8; 32]>(), proptest::collection::vec(any::<u8>(), 0..80)), 0..5),
        unverified in any::<(bool, bool)>(),
        reverted in proptest::collection::vec(any::<(u64, [u8; 32], u64)>(), 0..5),
        replaced_by in any::<u64>(),
    ) {
        let receipts = receipts.into_iter().map(|(hash, bytes)| crate::ArchivedReceipt {
            tx_hash: hash.into(),
            receipt: bytes.into(),
        });
        let trust = crate::Trust {
            header_unverified: unverified.0,
            receipts_unverified: unverified.1,
        };
        let block = crate::ArchivedBlock {
            hash: hash.into(), header: header.into(), receipts: receipts.collect(), trust,
        };
        let reverted = reverted.into_iter().map(|(number, hash, time)| BlockRef {
            number, hash: hash.into(), time,
        });
        let rollback = Rollback { reverted: reverted.collect(), replaced_by };
        let records = [Record::Block(block), Record::Rollback(rollback)];
        let mut bytes = Vec::new();
        for record in &records {
            record.encode(&mut bytes);
        }
        let whole = Bytes::from(bytes);
        let mut rest = crate::rlp::Rlp::new(&whole);
        for record in &records {
            prop_assert_eq!(&Record::decode(&mut rest, &whole).unwrap(), record);
        }
        prop_assert!(rest.is_empty());
    }
}
