//! Log records on the wire.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use prost::Message;
use selvedge_agent::model::{AttributeValue, LogRecord, RecordAttribute};

use crate::sink::Sink;
use crate::{in_seconds, pipeline};

#[test]
fn a_log_record_arrives_with_its_trace_and_fields() {
    let sink = Sink::start([]);
    let (mut pipeline, _) = pipeline(&sink.url(), &[]);
    for trace_id in [[5; 16], [0; 16]] {
        pipeline.log(&LogRecord {
            time_unix_ns: 7,
            severity: 13,
            target: "app::db",
            body: "slow",
            attributes: vec![RecordAttribute {
                key: "transfer.id",
                value: AttributeValue::Int(4),
                label: false,
            }],
            trace_id,
            span_id: [6; 8],
            flags: 1,
        });
    }
    pipeline.flush(in_seconds(10));
    let request = sink.next();
    assert_eq!(request.path, "/v1/logs");
    let request = ExportLogsServiceRequest::decode(&*request.body).expect("valid OTLP");
    let scope = &request.resource_logs[0].scope_logs[0];
    let name = scope.scope.as_ref().expect("a scope");
    assert_eq!((name.name.as_str(), name.version.as_str()), ("app::db", ""));
    let record = &scope.log_records[0];
    assert_eq!(
        (record.time_unix_nano, record.observed_time_unix_nano),
        (7, 7)
    );
    assert_eq!(
        (record.severity_number, record.severity_text.as_str()),
        (13, "WARN")
    );
    let body = record.body.clone().and_then(|body| body.value);
    assert_eq!(body, Some(Value::StringValue("slow".to_owned())));
    assert_eq!(record.attributes[0].key, "transfer.id");
    assert_eq!(
        (&*record.trace_id, &*record.span_id),
        (&[5; 16][..], &[6; 8][..])
    );
    assert_eq!(record.flags, 1);
    let outside = &scope.log_records[1];
    assert!(outside.trace_id.is_empty() && outside.span_id.is_empty());
}
