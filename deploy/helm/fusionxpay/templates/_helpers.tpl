{{- define "fusionxpay.name" -}}
{{- /* of a process: names in Kubernetes take no underscore */ -}}
{{ .root.Release.Name }}-{{ .process | replace "_" "-" }}
{{- end }}

{{- define "fusionxpay.selector" -}}
app.kubernetes.io/name: fusionxpay
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .process }}
{{- end }}

{{- define "fusionxpay.labels" -}}
{{ include "fusionxpay.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{- define "fusionxpay.imageOf" -}}
{{- if .image.digest -}}
{{ .image.repository }}@{{ .image.digest }}
{{- else -}}
{{ .image.repository }}:{{ .image.tag | default .otherwise }}
{{- end -}}
{{- end }}

{{- define "fusionxpay.image" -}}
image: {{ include "fusionxpay.imageOf" (dict "image" .Values.image "otherwise" .Chart.AppVersion) }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- end }}

{{- define "fusionxpay.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "fusionxpay.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "fusionxpay.spread" -}}
- maxSkew: 1
  topologyKey: {{ .root.Values.topologyKey }}
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels: {{- include "fusionxpay.selector" . | nindent 6 }}
- maxSkew: 1
  topologyKey: kubernetes.io/hostname
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels: {{- include "fusionxpay.selector" . | nindent 6 }}
{{- end }}

{{- define "fusionxpay.alive" -}}
{{- /* whether it lives, and no more: a database that is away is helped by no restart, neither late nor at the start */ -}}
startupProbe:
  httpGet: {path: /livez, port: metrics}
  periodSeconds: 2
  failureThreshold: 90
livenessProbe:
  httpGet: {path: /livez, port: metrics}
  periodSeconds: 10
  timeoutSeconds: 3
  failureThreshold: 3
{{- end }}

{{- define "fusionxpay.probes" -}}
{{ include "fusionxpay.alive" . }}
readinessProbe:
  httpGet: {path: /readyz, port: metrics}
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: 2
{{- end }}

{{- define "fusionxpay.env" -}}
- {name: FUSIONXPAY_LISTEN, value: "0.0.0.0:50051"}
- {name: FUSIONXPAY_METRICS_LISTEN, value: "0.0.0.0:9464"}
- {name: FUSIONXPAY_TLS_CERT_FILE, value: /tls/cert.pem}
- {name: FUSIONXPAY_TLS_KEY_FILE, value: /tls/key.pem}
- {name: FUSIONXPAY_TLS_CA_FILE, value: /tls/ca.pem}
# with preStop and both graces less than the pod's own
- {name: FUSIONXPAY_DRAIN_SECONDS, value: "5"}
- {name: FUSIONXPAY_GRACE_SECONDS, value: {{ .grace | default 20 | quote }}}
# replicas that came meanwhile are found after so long
- {name: FUSIONXPAY_MAX_CONNECTION_AGE_SECONDS, value: "300"}
{{- if .root.Values.tracing.endpoint }}
- {name: OTEL_EXPORTER_OTLP_ENDPOINT, value: {{ .root.Values.tracing.endpoint | quote }}}
- {name: OTEL_TRACES_SAMPLER_ARG, value: {{ .root.Values.tracing.part | quote }}}
{{- end }}
{{- range .secretFiles }}
- {name: FUSIONXPAY_{{ . | upper }}_FILE, value: /secrets/{{ . }}}
{{- end }}
{{- range $name, $value := .env }}
- {name: FUSIONXPAY_{{ $name }}, value: {{ $value | toString | quote }}}
{{- end }}
{{- end }}

{{- define "fusionxpay.certificate" -}}
{{- $trust := .root.Values.certificates.trust }}
{{- $bundle := and (ne .process "public") (or $trust.configMap $trust.secret) }}
projected:
  defaultMode: 0440
  sources:
    - secret:
        name: {{ include "fusionxpay.name" . }}-tls
        items:
          - {key: tls.crt, path: cert.pem}
          - {key: tls.key, path: key.pem}
          {{- if and (ne .process "public") (not $bundle) }}
          - {key: ca.crt, path: ca.pem}
          {{- end }}
    {{- if $bundle }}
    # while a CA is changed for another both are trusted, which a certificate's own secret does not say
    - {{ ternary "configMap" "secret" (ne $trust.configMap "") }}:
        name: {{ $bundle }}
        items: [{key: {{ $trust.key }}, path: ca.pem}]
    {{- end }}
{{- end }}

{{- define "fusionxpay.replicas" -}}
{{- /* of one that is scaled, the number that there is: what is left out of a manifest that had it becomes one */ -}}
{{- if not .scaling.enabled -}}
replicas: {{ .replicas }}
{{- else -}}
{{- $there := lookup "apps/v1" "Deployment" .root.Release.Namespace (include "fusionxpay.name" .) -}}
{{- if $there -}}
replicas: {{ $there.spec.replicas }}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "fusionxpay.scaling" -}}
{{- $consumer := and .root.Values.keda.enabled (gt (int .scaling.eventLag) 0) }}
{{- if and .scaling.enabled $consumer }}
---
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: {{ include "fusionxpay.name" . }}
  labels: {{- include "fusionxpay.labels" . | nindent 4 }}
spec:
  scaleTargetRef: {name: {{ include "fusionxpay.name" . }}}
  minReplicaCount: {{ .scaling.minReplicas }}
  maxReplicaCount: {{ .scaling.maxReplicas }}
  triggers:
    - type: cpu
      metricType: Utilization
      metadata: {value: {{ .scaling.cpu | quote }}}
    - type: prometheus
      metadata:
        serverAddress: {{ .root.Values.keda.prometheus }}
        query: max(fusionxpay_consumer_waiting{namespace="{{ .root.Release.Namespace }}",release="{{ .root.Release.Name }}",component="{{ .process }}"})
        threshold: {{ .scaling.eventLag | quote }}
{{- else if .scaling.enabled }}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ include "fusionxpay.name" . }}
  labels: {{- include "fusionxpay.labels" . | nindent 4 }}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: {{ include "fusionxpay.name" . }}}
  minReplicas: {{ .scaling.minReplicas }}
  maxReplicas: {{ .scaling.maxReplicas }}
  metrics:
    - type: Resource
      resource: {name: cpu, target: {type: Utilization, averageUtilization: {{ .scaling.cpu }}}}
  behavior:
    # connections are long: what was added is only used after a while, what is taken away has to drain
    scaleDown: {stabilizationWindowSeconds: 300, policies: [{type: Pods, value: 1, periodSeconds: 60}]}
{{- end }}
{{- end }}

{{- define "fusionxpay.account" -}}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "fusionxpay.name" . }}
  labels: {{- include "fusionxpay.labels" . | nindent 4 }}
  annotations: {{- .annotations | default dict | toYaml | nindent 4 }}
automountServiceAccountToken: false
{{- end }}

{{- define "fusionxpay.budget" -}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "fusionxpay.name" . }}
  labels: {{- include "fusionxpay.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels: {{- include "fusionxpay.selector" . | nindent 6 }}
{{- end }}
