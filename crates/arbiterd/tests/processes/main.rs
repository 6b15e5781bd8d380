//! Real `arbiterd` processes, as operators run them: started, asked over gRPC, told to end, stopped, killed, their disks
//! wiped. EC2 is the lab's endpoint, in this process, so that every call can be judged; what probes knock at are
//! listeners of this process, which can fall silent.

mod cluster;
mod disks;
mod endings;
mod formation;
mod majority;
mod operating;
mod policy;
mod stall;
mod starts;
