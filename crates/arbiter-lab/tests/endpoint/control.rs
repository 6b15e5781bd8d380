//! The control routes: hands outside.

use crate::client::{call, control, start};
use crate::mutate::{replace, target};
use arbiter_lab::world::{INSTANCE_1, INTERFACE_1, INTERFACE_2, InstanceState, TABLE_1, Timings};

#[tokio::test]
async fn an_outside_hand_changes_the_world_without_a_call() {
    let endpoint = start(|_| ()).await;
    let addr = endpoint.addr();
    let route = format!(r#"{{"table":"{TABLE_1}","destination":"10.10.0.0/16","target":"{INTERFACE_2}"}}"#);
    assert_eq!(control(addr, "POST", "routes", &route).await.status, 200);
    assert_eq!(target(&endpoint), INTERFACE_2);

    let instance =
        r#"{"state":"stopped","stop":"stuck","boot":"falls-back","auto_scaling_group":"gateways"}"#;
    assert_eq!(control(addr, "POST", &format!("instances/{INSTANCE_1}"), instance).await.status, 200);
    let interface = r#"{"source_dest_check":true,"attached_to":null,"elastic_ip":null}"#;
    assert_eq!(control(addr, "POST", &format!("interfaces/{INTERFACE_1}"), interface).await.status, 200);
    assert_eq!(control(addr, "POST", "timings", r#"{"stop_ms":7}"#).await.status, 200);
    let world = endpoint.world().snapshot();
    let row = world.instance(INSTANCE_1).unwrap();
    assert_eq!((row.state, row.tags.len()), (InstanceState::Stopped, 3));
    let row = world.interface(INTERFACE_1).unwrap();
    assert!(row.source_dest_check && row.attached_to.is_none() && row.elastic_ip.is_none());
    assert_eq!(world.timings, Timings { stop_ms: 7, ..Timings::default() });

    let again = format!(r#"{{"attached_to":"{INSTANCE_1}","elastic_ip":"54.223.192.238"}}"#);
    assert_eq!(control(addr, "POST", &format!("interfaces/{INTERFACE_1}"), &again).await.status, 200);
    let world = endpoint.world().snapshot();
    assert!(world.interface(INTERFACE_1).unwrap().source_dest_check, "what is not named stays as it is");
    assert_eq!(
        control(addr, "POST", &format!("instances/{INSTANCE_1}"), r#"{"forget":true}"#).await.status,
        200
    );
    assert!(endpoint.world().snapshot().instance(INSTANCE_1).is_err());
    assert_eq!(endpoint.calls().last_seq(), 0, "a hand outside is no caller");
}

#[tokio::test]
async fn world_calls_and_info_can_be_read() {
    let endpoint = start(|_| ()).await;
    let addr = endpoint.addr();
    call(addr, "Action=DescribeRouteTables").await;
    call(addr, &replace(INTERFACE_2)).await;
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let world = json(&control(addr, "GET", "world", "").await.body);
    assert_eq!(world["tables"][TABLE_1]["routes"][1]["target"]["interface"], INTERFACE_2);
    let calls = json(&control(addr, "GET", "calls?since=0", "").await.body);
    assert_eq!((calls["calls"].as_array().unwrap().len(), &calls["complete"]), (2, &true.into()));
    let mutating = json(&control(addr, "GET", "calls?mutating=true", "").await.body);
    assert_eq!(mutating["calls"][0]["tag"]["epoch"], 17);
    assert_eq!(
        json(&control(addr, "GET", "calls?since=2", "").await.body)["calls"].as_array().unwrap().len(),
        0
    );
    assert_eq!(json(&control(addr, "GET", "info", "").await.body)["last_seq"], 2);
}

#[tokio::test]
async fn faults_are_set_listed_and_removed() {
    let endpoint = start(|_| ()).await;
    let addr = endpoint.addr();
    let fault = r#"{"scope":{"action":"mutating","caller":"AKIDNODE1"},"times":3,"effect":{"kind":"refuse","code":"InternalError"}}"#;
    let set = control(addr, "POST", "faults", fault).await;
    assert_eq!((set.status, set.body.trim()), (200, r#"{"id":1}"#));
    assert_eq!(call(addr, &replace(INTERFACE_2)).await.element("Code"), Some("InternalError"));
    let list = control(addr, "GET", "faults", "").await.body;
    assert!(list.contains(r#""met":1"#) && list.contains(r#""status":500"#), "{list}");
    assert_eq!(control(addr, "DELETE", "faults/1", "").await.status, 200);
    assert_eq!(control(addr, "DELETE", "faults/1", "").await.status, 404);
    for effect in [
        r#"{"kind":"latency","before_ms":1}"#,
        r#"{"kind":"throttle"}"#,
        r#"{"kind":"deny"}"#,
        r#"{"kind":"lose-request"}"#,
        r#"{"kind":"lose-reply","silence":"close"}"#,
        r#"{"kind":"apply-late","delay_ms":1}"#,
        r#"{"kind":"stale","age_ms":1}"#,
    ] {
        let set = control(addr, "POST", "faults", &format!(r#"{{"effect":{effect}}}"#)).await;
        assert_eq!(set.status, 200, "{effect}: {}", set.body);
    }
    assert_eq!(control(addr, "DELETE", "faults", "").await.status, 200);
    assert_eq!(call(addr, &replace(INTERFACE_2)).await.status, 200);
    assert_eq!(control(addr, "POST", "throttling", r#"{"enabled":false}"#).await.status, 200);
}

#[tokio::test]
async fn wrong_hands_are_told_what_is_wrong() {
    let endpoint = start(|_| ()).await;
    let addr = endpoint.addr();
    for (method, path, body, status, part) in [
        ("GET", "unicorns", "", 404, "there are: GET info"),
        ("POST", "faults", "{", 400, "EOF"),
        ("POST", "faults", r#"{"effect":{"kind":"deny"},"colour":"red"}"#, 400, "colour"),
        ("POST", "faults", r#"{"effect":{"kind":"stale","age_ms":999999999}}"#, 400, "120000"),
        ("GET", "calls?since=x", "", 400, "since=x"),
        ("GET", "calls?from=1", "", 400, "from=1"),
        ("POST", "routes", r#"{"table":"rtb-12345678","destination":"10.0.0.0/8"}"#, 400, "does not exist"),
        ("POST", "routes", r#"{"table":"rtb-468f5222","destination":"x"}"#, 400, "CIDR"),
        (
            "POST",
            "routes",
            r#"{"table":"rtb-468f5222","destination":"10.0.0.0/8","target":"x"}"#,
            400,
            "eni-…",
        ),
        ("POST", "instances/i-12345678", "{}", 400, "does not exist"),
        ("POST", "interfaces/eni-12345678", "{}", 400, "does not exist"),
    ] {
        let answer = control(addr, method, path, body).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.body);
        assert!(answer.body.contains(part), "{method} {path}: {}", answer.body);
    }
}
