//! What outside hands do to instances and interfaces.

use super::{Act, BootBehaviour, ElasticIp, Refusal, What, World};

/// The tag that makes an instance a member of an Auto Scaling group.
const AUTO_SCALING_GROUP: &str = "aws:autoscaling:groupName";

impl World {
    /// Says what EC2's check of the system, and of the instance, find; `None` leaves that one as it is.
    pub fn set_impaired(
        &mut self,
        id: &str,
        system: Option<bool>,
        instance: Option<bool>,
    ) -> Result<(), Refusal> {
        self.instance(id)?;
        if let Some(row) = self.instances.get_mut(id) {
            row.system_impaired = system.unwrap_or(row.system_impaired);
            row.instance_impaired = instance.unwrap_or(row.instance_impaired);
        }
        Ok(())
    }

    /// Says how the instance takes starts from now on.
    pub fn set_boot_behaviour(&mut self, id: &str, boot: BootBehaviour) -> Result<(), Refusal> {
        self.instance(id)?;
        if let Some(row) = self.instances.get_mut(id) {
            row.boot = boot;
        }
        Ok(())
    }

    /// Puts the instance into an Auto Scaling group, or takes it out.
    pub fn set_auto_scaling_group(&mut self, id: &str, group: Option<&str>) -> Result<(), Refusal> {
        self.instance(id)?;
        if let Some(row) = self.instances.get_mut(id) {
            match group {
                Some(group) => row.tags.insert(AUTO_SCALING_GROUP.to_owned(), group.to_owned()),
                None => row.tags.remove(AUTO_SCALING_GROUP),
            };
        }
        Ok(())
    }

    /// The instance is not in any answer any more, as it comes to the terminated after an hour.
    pub fn forget_instance(&mut self, act: Act, id: &str) -> Result<(), Refusal> {
        self.instance(id)?;
        let attached: Vec<_> = self.interfaces_of(id).map(|interface| interface.id.clone()).collect();
        for interface in attached {
            self.attach(act, &interface, None)?;
        }
        self.instances.remove(id);
        Ok(())
    }

    /// Attaches the interface to an instance, or detaches it.
    pub fn attach(&mut self, act: Act, id: &str, instance: Option<&str>) -> Result<(), Refusal> {
        self.interface(id)?;
        if let Some(instance) = instance {
            self.instance(instance)?;
        }
        let Some(row) = self.interfaces.get_mut(id) else { return Ok(()) };
        if row.attached_to.as_deref() != instance {
            row.attached_to = instance.map(str::to_owned);
            self.note(act, What::Interface { interface: id.to_owned() });
        }
        Ok(())
    }

    /// Switches the interface's source/destination check.
    pub fn set_source_dest_check(&mut self, act: Act, id: &str, on: bool) -> Result<(), Refusal> {
        self.interface(id)?;
        let Some(row) = self.interfaces.get_mut(id) else { return Ok(()) };
        if row.source_dest_check != on {
            row.source_dest_check = on;
            self.note(act, What::Interface { interface: id.to_owned() });
        }
        Ok(())
    }

    /// Gives the interface an Elastic IP, or takes it away.
    pub fn set_elastic_ip(
        &mut self,
        act: Act,
        id: &str,
        elastic_ip: Option<ElasticIp>,
    ) -> Result<(), Refusal> {
        self.interface(id)?;
        let Some(row) = self.interfaces.get_mut(id) else { return Ok(()) };
        if row.elastic_ip != elastic_ip {
            row.elastic_ip = elastic_ip;
            self.note(act, What::Interface { interface: id.to_owned() });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::*;

    #[test]
    fn edits_are_made_noted_once_and_refused_for_strangers() {
        let mut world = World::reference();
        let act = Act::by_hand(4);
        for _ in 0..2 {
            world.set_source_dest_check(act, INTERFACE_1, true).unwrap();
            world.set_elastic_ip(act, INTERFACE_1, None).unwrap();
            world.attach(act, INTERFACE_1, None).unwrap();
        }
        let row = world.interface(INTERFACE_1).unwrap();
        assert!(row.source_dest_check && row.elastic_ip.is_none() && row.attached_to.is_none());
        assert_eq!(world.take_changes().len(), 3);
        world.set_auto_scaling_group(INSTANCE_1, Some("gateways")).unwrap();
        assert_eq!(world.instance(INSTANCE_1).unwrap().tags["aws:autoscaling:groupName"], "gateways");
        world.set_auto_scaling_group(INSTANCE_1, None).unwrap();
        assert!(!world.instance(INSTANCE_1).unwrap().tags.contains_key("aws:autoscaling:groupName"));

        let stranger = "eni-12345678";
        assert!(world.attach(act, stranger, None).is_err());
        assert!(world.attach(act, INTERFACE_1, Some("i-12345678")).is_err());
        assert!(world.set_source_dest_check(act, stranger, true).is_err());
        assert!(world.set_elastic_ip(act, stranger, None).is_err());
        assert!(world.set_impaired("i-12345678", None, None).is_err());
    }
}
