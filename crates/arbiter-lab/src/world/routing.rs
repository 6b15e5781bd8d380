//! What can be done to routes, and what they are worth.

use super::{Act, Destination, IdKind, InstanceState, Origin, Refusal, Route, Target, What, World};

impl World {
    /// Points an existing static route at another target.
    pub fn replace_route(
        &mut self,
        act: Act,
        table: &str,
        destination: &Destination,
        target: Target,
    ) -> Result<(), Refusal> {
        self.table(table)?;
        self.check_target(&target)?;
        let route = self
            .tables
            .get_mut(table)
            .and_then(|table| table.static_route_mut(destination))
            .ok_or_else(|| Refusal::no_route_to_replace(destination.as_str()))?;
        if route.origin == Origin::CreateRouteTable && !matches!(target, Target::Interface(_)) {
            // The VPC's own route can be sent through an appliance, and to nothing else.
            return Err(Refusal::invalid_value(format!(
                "Route target is not supported for the local route {destination}. \
                 This route only supports interface and instance targets."
            )));
        }
        let before = std::mem::replace(&mut route.target, target.clone());
        if before != target {
            self.note_route(act, table, destination, Some(&before), Some(&target));
        }
        Ok(())
    }

    /// Adds a static route. To add the same again is no error; to add another target is.
    pub fn create_route(
        &mut self,
        act: Act,
        table: &str,
        destination: &Destination,
        target: Target,
    ) -> Result<(), Refusal> {
        let existing = self.table(table)?.static_route(destination);
        if let Some(existing) = existing {
            if existing.target == target {
                return Ok(());
            }
            return Err(Refusal::route_exists(destination.as_str()));
        }
        self.check_target(&target)?;
        self.put_route(act, table, destination, Some(target), Origin::CreateRoute)
    }

    /// What an outside hand does: points a static route at `target`, makes it if it isn't there, or takes it
    /// away if `target` is none. Refuses only a table that doesn't exist: outside hands break things too.
    pub fn set_route(
        &mut self,
        act: Act,
        table: &str,
        destination: &Destination,
        target: Option<Target>,
    ) -> Result<(), Refusal> {
        self.put_route(act, table, destination, target, Origin::CreateRoute)
    }

    /// What a virtual private gateway propagates (or, with no target, withdraws).
    pub fn propagate_route(
        &mut self,
        act: Act,
        table: &str,
        destination: &Destination,
        target: Option<Target>,
    ) -> Result<(), Refusal> {
        self.put_route(act, table, destination, target, Origin::EnableVgwRoutePropagation)
    }

    fn put_route(
        &mut self,
        act: Act,
        table: &str,
        destination: &Destination,
        target: Option<Target>,
        origin: Origin,
    ) -> Result<(), Refusal> {
        self.table(table)?;
        let Some(row) = self.tables.get_mut(table) else { return Ok(()) };
        let propagated = |origin| origin == Origin::EnableVgwRoutePropagation;
        let found = row
            .routes
            .iter()
            .position(|r| r.destination == *destination && propagated(r.origin) == propagated(origin));
        let before = found.map(|index| row.routes[index].target.clone());
        match (found, target.clone()) {
            (Some(index), Some(target)) => row.routes[index].target = target,
            (Some(index), None) => drop(row.routes.remove(index)),
            (None, Some(target)) => {
                row.routes.push(Route { destination: destination.clone(), target, origin });
            }
            (None, None) => {}
        }
        if before != target {
            self.note_route(act, table, destination, before.as_ref(), target.as_ref());
        }
        Ok(())
    }

    fn note_route(
        &mut self,
        act: Act,
        table: &str,
        destination: &Destination,
        before: Option<&Target>,
        after: Option<&Target>,
    ) {
        let what = What::Route {
            table: table.to_owned(),
            destination: destination.to_string(),
            before: before.map(|target| target.id().to_owned()),
            after: after.map(|target| target.id().to_owned()),
        };
        self.note(act, what);
    }

    /// EC2 checks that the target exists, not that it works.
    fn check_target(&self, target: &Target) -> Result<(), Refusal> {
        let kind = match target {
            Target::Local => return Ok(()),
            Target::Interface(id) => return self.interface(id).map(drop),
            Target::Gateway(_) => IdKind::Gateway,
            Target::TransitGateway(_) => IdKind::TransitGateway,
            Target::NatGateway(_) => IdKind::NatGateway,
        };
        kind.check(target.id())?;
        if self.gateways.contains(target.id()) { Ok(()) } else { Err(Refusal::not_found(kind, target.id())) }
    }

    /// EC2's `blackhole`: the target can't take traffic. It knows of stopped instances, detached interfaces and
    /// deleted gateways; it does not know of a hung kernel or a cut tunnel.
    pub fn is_blackhole(&self, route: &Route) -> bool {
        match &route.target {
            Target::Local => false,
            Target::Interface(id) => !self
                .interfaces
                .get(id)
                .and_then(|interface| interface.attached_to.as_ref())
                .and_then(|instance| self.instances.get(instance))
                .is_some_and(|instance| {
                    matches!(
                        instance.state,
                        InstanceState::Pending | InstanceState::Running | InstanceState::Stopping
                    )
                }),
            Target::Gateway(id) | Target::TransitGateway(id) | Target::NatGateway(id) => {
                !self.gateways.contains(id)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::*;

    fn on_premises() -> Destination {
        Destination::parse(ON_PREMISES).unwrap()
    }

    fn interface(id: &str) -> Target {
        Target::Interface(id.to_owned())
    }

    #[test]
    fn replace_moves_the_route_and_says_so_once() {
        let mut world = World::reference();
        let act = Act::by_call(7, 3);
        world.replace_route(act, TABLE_1, &on_premises(), interface(INTERFACE_2)).unwrap();
        world.replace_route(act, TABLE_1, &on_premises(), interface(INTERFACE_2)).unwrap();
        let route = world.table(TABLE_1).unwrap().static_route(&on_premises()).unwrap();
        assert_eq!(route.target, interface(INTERFACE_2));
        let changes = world.take_changes();
        assert_eq!(changes.len(), 1, "the second call changed nothing: {changes:?}");
        assert_eq!((changes[0].at_ms, changes[0].cause), (7, Cause::Call(3)));
    }

    #[test]
    fn replace_refuses_what_is_not_there() {
        let mut world = World::reference();
        let act = Act::by_hand(0);
        let elsewhere = Destination::parse("10.99.0.0/16").unwrap();
        let cases = [
            ("rtb-12345678", on_premises(), interface(INTERFACE_2), "InvalidRouteTableID.NotFound"),
            ("nonsense", on_premises(), interface(INTERFACE_2), "InvalidRouteTableId.Malformed"),
            (TABLE_1, elsewhere, interface(INTERFACE_2), "InvalidParameterValue"),
            (TABLE_1, on_premises(), interface("eni-12345678"), "InvalidNetworkInterfaceID.NotFound"),
            (TABLE_1, on_premises(), Target::Gateway("igw-12345678".into()), "InvalidGatewayID.NotFound"),
            (
                TABLE_1,
                on_premises(),
                Target::TransitGateway("tgw-12345678".into()),
                "InvalidTransitGatewayID.NotFound",
            ),
        ];
        for (table, destination, target, code) in cases {
            let refusal = world.replace_route(act, table, &destination, target).unwrap_err();
            assert_eq!(refusal.code, code);
        }
        assert_eq!(world.take_changes(), []);
    }

    #[test]
    fn a_propagated_route_is_not_replaced() {
        let mut world = World::reference();
        let destination = Destination::parse("10.20.0.0/16").unwrap();
        let act = Act::by_hand(0);
        let vgw = Target::Gateway("vgw-12345678".into());
        world.propagate_route(act, TABLE_1, &destination, Some(vgw)).unwrap();
        let refusal = world.replace_route(act, TABLE_1, &destination, interface(INTERFACE_1)).unwrap_err();
        assert_eq!(refusal.code, "InvalidParameterValue");
        world.create_route(act, TABLE_1, &destination, interface(INTERFACE_1)).unwrap();
        assert_eq!(
            world.table(TABLE_1).unwrap().routes.iter().filter(|r| r.destination == destination).count(),
            2
        );
    }

    #[test]
    fn create_accepts_the_same_again_and_refuses_another_target() {
        let mut world = World::reference();
        let act = Act::by_hand(0);
        world.create_route(act, TABLE_1, &on_premises(), interface(INTERFACE_1)).unwrap();
        let refusal = world.create_route(act, TABLE_1, &on_premises(), interface(INTERFACE_2)).unwrap_err();
        assert_eq!(refusal.code, "RouteAlreadyExists");
        let v6 = Destination::parse("2001:db8::/32").unwrap();
        world.create_route(act, TABLE_1, &v6, interface(INTERFACE_2)).unwrap();
        assert!(world.table(TABLE_1).unwrap().static_route(&v6).is_some());
    }

    #[test]
    fn a_route_is_a_blackhole_when_its_target_is_stopped_detached_or_gone() {
        let mut world = World::reference();
        let act = Act::by_hand(0);
        let hole = |world: &World| {
            world.is_blackhole(world.table(TABLE_1).unwrap().static_route(&on_premises()).unwrap())
        };
        assert!(!hole(&world));
        world.set_instance_state(act, INSTANCE_1, InstanceState::Stopped).unwrap();
        assert!(hole(&world));
        world.set_instance_state(act, INSTANCE_1, InstanceState::Running).unwrap();
        assert!(!hole(&world));
        world.attach(act, INTERFACE_1, None).unwrap();
        assert!(hole(&world));
        world.set_route(act, TABLE_1, &on_premises(), Target::of_id("igw-0badc0de")).unwrap();
        assert!(hole(&world));
    }

    #[test]
    fn an_outside_hand_can_make_move_and_remove_a_route() {
        let mut world = World::reference();
        let act = Act::by_hand(5);
        world.set_route(act, TABLE_1, &on_premises(), None).unwrap();
        assert!(world.table(TABLE_1).unwrap().static_route(&on_premises()).is_none());
        world.set_route(act, TABLE_1, &on_premises(), Some(interface(INTERFACE_2))).unwrap();
        assert_eq!(world.take_changes().len(), 2);
        assert!(world.set_route(act, "rtb-12345678", &on_premises(), None).is_err());
    }
}
