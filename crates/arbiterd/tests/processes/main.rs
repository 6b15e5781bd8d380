//! Real `arbiterd` processes, as operators run them: started, asked over gRPC, told to end, stopped, killed, their disks
//! wiped. EC2 is the lab's endpoint, in this process, so that every call can be judged; what probes knock at are
//! listeners of this process, which can fall silent.

// Some are marked, so that the lints know their helpers for parts of tests.
#[cfg(test)]
mod backup;
#[cfg(test)]
mod cluster;
mod disks;
mod doctor;
mod ec2;
mod endings;
mod flood;
#[cfg(test)]
mod folders;
mod formation;
mod full_disk;
mod ill_disk;
#[cfg(test)]
mod majority;
#[cfg(test)]
mod members;
mod operating;
#[cfg(test)]
mod pairs;
mod policy;
mod preview;
#[cfg(test)]
mod recover;
mod restart;
#[cfg(test)]
mod rights;
#[cfg(test)]
mod rotation;
#[cfg(test)]
mod secrets;
mod stall;
#[cfg(test)]
mod starts;
#[cfg(test)]
mod status_port;
mod strangers;
#[cfg(test)]
mod tls;
