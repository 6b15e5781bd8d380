//! Reports between nodes, over gRPC streams that stay open.

mod receiver;
mod sender;

pub(crate) use receiver::ReportService;
pub(crate) use sender::ReportSender;
