//! How EC2 says no: a code, an HTTP status and a sentence.

/// A request that the API refuses. The words follow EC2's own, since programs and people search for them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Refusal {
    /// EC2's error code.
    pub code: String,
    /// The HTTP status that goes with it.
    pub status: u16,
    /// The sentence.
    pub message: String,
}

impl Refusal {
    /// A refusal with any code and status: for injected errors.
    pub fn new(code: impl Into<String>, status: u16, message: impl Into<String>) -> Self {
        Self { code: code.into(), status, message: message.into() }
    }

    /// The caller's mistake: status 400.
    fn client(code: &str, message: String) -> Self {
        Self::new(code, 400, message)
    }

    /// The action is not one that this endpoint knows.
    pub fn invalid_action(action: &str) -> Self {
        Self::client("InvalidAction", format!("The action {action} is not valid for this web service."))
    }

    /// No `Action` parameter at all.
    pub fn missing_action() -> Self {
        Self::client("MissingAction", "The request must contain the parameter Action".into())
    }

    /// A version of the API other than 2016-11-15.
    pub fn no_such_version(version: &str) -> Self {
        let message = format!("The requested version ({version}) of service AmazonEC2 does not exist");
        Self::client("NoSuchVersion", message)
    }

    /// A parameter that must be there is not.
    pub fn missing_parameter(name: &str) -> Self {
        Self::client("MissingParameter", format!("The request must contain the parameter {name}"))
    }

    /// A parameter whose value makes no sense.
    pub fn invalid_value(message: impl Into<String>) -> Self {
        Self::client("InvalidParameterValue", message.into())
    }

    /// Two parameters that may not come together.
    pub fn invalid_combination(message: impl Into<String>) -> Self {
        Self::client("InvalidParameterCombination", message.into())
    }

    /// A parameter that the action does not have.
    pub fn unknown_parameter(name: &str) -> Self {
        Self::client("UnknownParameter", format!("The parameter {name} is not recognized"))
    }

    /// An id with the right prefix, but nobody has it.
    pub fn not_found(kind: IdKind, id: &str) -> Self {
        Self::client(kind.not_found(), format!("The {} '{id}' does not exist", kind.words()))
    }

    /// An id that can't be one.
    pub fn malformed(kind: IdKind, id: &str) -> Self {
        let message = format!("Invalid id: \"{id}\" (expecting \"{}...\")", kind.prefix());
        Self::client(kind.malformed(), message)
    }

    /// `ReplaceRoute` for a destination that the table lacks. The documentation promises
    /// `InvalidRoute.NotFound`, the real service answers this.
    pub fn no_route_to_replace(destination: &str) -> Self {
        Self::invalid_value(format!(
            "There is no route defined for '{destination}' in the route table. Use CreateRoute instead."
        ))
    }

    /// `CreateRoute` for a destination that already points elsewhere.
    pub fn route_exists(destination: &str) -> Self {
        let message = format!("The route identified by {destination} already exists.");
        Self::client("RouteAlreadyExists", message)
    }

    /// The instance's state does not allow it; `what` is `stopped` or `started`.
    pub fn incorrect_state(instance: &str, what: &str) -> Self {
        let message = format!("The instance '{instance}' is not in a state from which it can be {what}.");
        Self::client("IncorrectInstanceState", message)
    }

    /// Too many requests.
    pub fn throttled() -> Self {
        Self::new("RequestLimitExceeded", 503, "Request limit exceeded.")
    }

    /// These credentials may not do this.
    pub fn unauthorized(action: &str) -> Self {
        let message = format!(
            "You are not authorized to perform this operation. (ec2:{action} is on the lab's deny list)"
        );
        Self::new("UnauthorizedOperation", 403, message)
    }

    /// The caller's role does not allow this.
    pub fn not_allowed(access_key: &str, action: &str, resource: &str) -> Self {
        let message = format!(
            "You are not authorized to perform this operation. User: {access_key} is not authorized to perform: \
             ec2:{action} on resource: {resource} because no identity-based policy allows the ec2:{action} action"
        );
        Self::new("UnauthorizedOperation", 403, message)
    }

    /// No credentials, or ones that can't be read.
    pub fn auth_failure() -> Self {
        Self::new("AuthFailure", 401, "AWS was not able to validate the provided access credentials")
    }

    /// All is well, but the caller asked only whether it would be.
    pub fn dry_run() -> Self {
        let message = "Request would have succeeded, but DryRun flag is set.";
        Self::new("DryRunOperation", 412, message)
    }
}

/// The kinds of id that requests name, each with EC2's own spelling of the errors about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdKind {
    /// `rtb-…`
    RouteTable,
    /// `i-…`
    Instance,
    /// `eni-…`
    Interface,
    /// `igw-…`, `vgw-…`
    Gateway,
    /// `tgw-…`
    TransitGateway,
    /// `nat-…`
    NatGateway,
    /// `eipalloc-…`
    Allocation,
}

impl IdKind {
    /// What every id of this kind begins with.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::RouteTable => "rtb-",
            Self::Instance => "i-",
            Self::Interface => "eni-",
            Self::Gateway => "igw-",
            Self::TransitGateway => "tgw-",
            Self::NatGateway => "nat-",
            Self::Allocation => "eipalloc-",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::RouteTable => "routeTable ID",
            Self::Instance => "instance ID",
            Self::Interface => "networkInterface ID",
            Self::Gateway => "gateway ID",
            Self::TransitGateway => "transitGateway ID",
            Self::NatGateway => "NatGateway ID",
            Self::Allocation => "allocation ID",
        }
    }

    fn not_found(self) -> &'static str {
        match self {
            Self::RouteTable => "InvalidRouteTableID.NotFound",
            Self::Instance => "InvalidInstanceID.NotFound",
            Self::Interface => "InvalidNetworkInterfaceID.NotFound",
            Self::Gateway => "InvalidGatewayID.NotFound",
            Self::TransitGateway => "InvalidTransitGatewayID.NotFound",
            Self::NatGateway => "InvalidNatGatewayID.NotFound",
            Self::Allocation => "InvalidAllocationID.NotFound",
        }
    }

    // EC2 spells `ID` and `Id` both; these are its spellings, not slips.
    fn malformed(self) -> &'static str {
        match self {
            Self::RouteTable => "InvalidRouteTableId.Malformed",
            Self::Instance => "InvalidInstanceID.Malformed",
            Self::Interface => "InvalidNetworkInterfaceId.Malformed",
            Self::Gateway => "InvalidGatewayID.Malformed",
            Self::TransitGateway => "InvalidTransitGatewayID.Malformed",
            Self::NatGateway => "NatGatewayMalformed",
            Self::Allocation => "InvalidAllocationID.Malformed",
        }
    }

    /// Refuses an id that can't be of this kind: EC2's are the prefix and 8 or 17 hex digits.
    pub fn check(self, id: &str) -> Result<(), Refusal> {
        let prefixes: &[&str] = if self == Self::Gateway { &["igw-", "vgw-"] } else { &[self.prefix()] };
        let well_formed = prefixes.iter().filter_map(|prefix| id.strip_prefix(prefix)).any(|digits| {
            matches!(digits.len(), 8 | 17) && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        });
        if well_formed { Ok(()) } else { Err(Refusal::malformed(self, id)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_its_prefix_and_8_or_17_hex_digits() {
        let good = [(IdKind::RouteTable, "rtb-468f5222"), (IdKind::Instance, "i-0f1e2d3c4b5a69788")];
        for (kind, id) in good.into_iter().chain([(IdKind::Gateway, "vgw-12345678")]) {
            assert_eq!(kind.check(id), Ok(()), "{id}");
        }
        let bad = [
            (IdKind::RouteTable, "foo", "InvalidRouteTableId.Malformed"),
            (IdKind::RouteTable, "rtb-468f522", "InvalidRouteTableId.Malformed"),
            (IdKind::Instance, "i-0A1F3C5E7D9B2A4C6", "InvalidInstanceID.Malformed"),
            (IdKind::Interface, "rtb-468f5222", "InvalidNetworkInterfaceId.Malformed"),
            (IdKind::Instance, "", "InvalidInstanceID.Malformed"),
        ];
        for (kind, id, code) in bad {
            assert_eq!(kind.check(id).unwrap_err().code, code, "{id}");
        }
    }
}
