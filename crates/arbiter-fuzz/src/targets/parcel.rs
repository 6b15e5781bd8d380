//! Reports of peers: off the wire, into the core's terms, into the picture that decisions are made by.

use crate::{Seen, has_words};
use arbiter_core::ids::{ClusterId, NodeId};
use arbiter_core::report::{OwnView, Picture};
use arbiter_core::time::MonoMs;
use arbiter_proto::report::{read_parcel, write_parcel};
use arbiter_proto::v1;
use prost::Message;

/// A parcel of the cluster that it says it is of.
pub fn parcel(bytes: &[u8]) -> Seen {
    let wire = match v1::Parcel::decode(bytes) {
        Ok(wire) => wire,
        Err(error) => return has_words(error),
    };
    let cluster = ClusterId(wire.cluster_id.clone());
    let parcel = match read_parcel(&cluster, wire) {
        Ok(parcel) => parcel,
        Err(error) => return has_words(error),
    };
    let written = write_parcel(&cluster, &parcel).encode_to_vec();
    let again = v1::Parcel::decode(written.as_slice()).map_err(|error| error.to_string());
    let again = again.and_then(|wire| read_parcel(&cluster, wire).map_err(|error| error.to_string()));
    assert_eq!(again.as_ref(), Ok(&parcel), "what was read, written, is read as something else");

    // Whoever takes it in must be able to date it, whatever stamps it has.
    let mut picture = Picture::new(NodeId(1), 5, MonoMs(1_000));
    picture.compose(OwnView::default(), MonoMs(2_000));
    let nodes: Vec<NodeId> =
        std::iter::once(&parcel.own).chain(&parcel.relayed).map(|report| report.node).collect();
    picture.accept(parcel.clone());
    picture.accept(parcel);
    for now in [MonoMs(2_000), MonoMs(60_000), MonoMs(u64::MAX)] {
        let facts = picture.facts(now);
        assert!(nodes.iter().all(|node| facts.contains_key(node)), "a report was lost");
        let _ = picture.heard(None, now);
    }
    let _ = picture.parcel_for(NodeId(2));
    Seen::Taken
}
