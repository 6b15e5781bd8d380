//! arbiter-ec2
