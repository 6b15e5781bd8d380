//! `doctor`: what could keep a failover or a remediation from working, found before it is needed.

use crate::client::{Admin, Kind};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::view::DoctorView;
use arbiter_proto::v1;

pub(crate) async fn run(session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let request = v1::DoctorRequest { asking: session.asking(), own: false };
    let send = async |admin: &mut Admin, request| admin.doctor(request).await;
    let view = DoctorView::from(session.call("doctor", Kind::Read, request, send).await?);
    session.show(&view)?;
    Ok(match session.exit_of(&view.answered) {
        Exit::Ok if !view.is_sound() => Exit::Degraded,
        exit => exit,
    })
}
