//! Files in memory.

use alloy::primitives::address;
use bmn_archive::{
    Preamble, Reader, Record, Trailer, Writer, WriterOptions,
    generate::{Factory, Generator, Options, Shape},
};
use bmn_primitives::{ChainId, Dialect};

/// Two factories, one of each dialect that is generated.
pub(crate) fn options(shape: Shape, blocks: u64) -> Options {
    let factory = |address, dialect| Factory {
        address,
        dialect,
        limit_order_protocol: address!("dc64a140aa3e981100a9beca4e685f962f0cf6c9"),
    };
    Options {
        shape,
        seed: 7,
        blocks: Some(blocks),
        chain: ChainId(1337),
        counterpart: ChainId(1338),
        mirrored: false,
        factories: vec![
            factory(address!("5fc8d32690cc91d4c39d9d3abcbd16989f875707"), Dialect::Bmn4),
            factory(address!("a513e6e4b8f2a923d98304ec87f64353c4d5c853"), Dialect::OneInch2),
        ],
        tokens: vec![address!("e7f1725e7734ce288f8367e1bb143e90bb3f0512")],
    }
}

pub(crate) fn preamble() -> Preamble {
    options(Shape::Dense, 1).preamble("test")
}

/// Small frames, so that there are several.
pub(crate) fn small_frames() -> WriterOptions {
    WriterOptions { frame_records: 4, ..WriterOptions::default() }
}

/// A complete file.
pub(crate) fn file(options: &Options, frames: WriterOptions) -> (Vec<u8>, Trailer) {
    let mut writer = Writer::create(Vec::new(), &options.preamble("test"), frames).unwrap();
    for record in Generator::new(options.clone()).unwrap() {
        writer.push(&record).unwrap();
    }
    writer.finish().unwrap()
}

/// Every record up to the first error, and the error.
pub(crate) fn records(bytes: &[u8]) -> (Vec<Record>, Option<bmn_archive::ArchiveError>) {
    let mut records = Vec::new();
    let reader = match Reader::new(bytes) {
        Ok(reader) => reader,
        Err(error) => return (records, Some(error)),
    };
    for record in reader {
        match record {
            Ok(record) => records.push(record),
            Err(error) => return (records, Some(error)),
        }
    }
    (records, None)
}
