package app

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/containers/autoscale"
	"github.com/ballast-lb/ballast/internal/history"
	"github.com/ballast-lb/ballast/internal/telemetry"
)

// What is told has the fields of the file, those too that nobody could provoke above.
func TestOpenAPI_fields(t *testing.T) {
	doc := newContract(t, openapi).doc
	for name, v := range map[string]any{
		"Document": telemetry.Document{}, "ContainerDetail": telemetry.ContainerDetail{}, "Health": healthDoc{}, "Done": Done{},
		"Decision": autoscale.Decision{}, "History": poolHistory{}, "BackendEvent": history.Event{}, "Ambiguity": ambiguity{},
	} {
		sameFields(t, name, reflect.TypeOf(v), doc.Components.Schemas[name].Value)
	}
}

// sameFields holds a schema to a type. What is left out if it is empty is not required, and other pointers may be null.
func sameFields(t *testing.T, at string, goes reflect.Type, s *openapi3.Schema) {
	t.Helper()
	if i := slices.IndexFunc(s.OneOf, func(one *openapi3.SchemaRef) bool { return !one.Value.Type.Is("null") }); i >= 0 {
		s = s.OneOf[i].Value
	}
	if goes.Kind() == reflect.Pointer {
		goes = goes.Elem()
	}
	said := objectOf(s)
	is := func(kind string) {
		t.Helper()
		if enum := len(said.enum) > 0 && kind == "string"; !enum && !slices.Contains(said.types, kind) {
			t.Errorf("%s is %v, want %s", at, said.types, kind)
		}
	}
	switch kind := goes.Kind(); {
	case goes == reflect.TypeFor[time.Time]():
		if is("string"); said.format != "date-time" {
			t.Errorf("%s is no date-time", at)
		}
	case kind == reflect.Struct:
		is("object")
		var names, required []string
		for _, f := range reflect.VisibleFields(goes) {
			name, option, _ := strings.Cut(f.Tag.Get("json"), ",")
			if f.Anonymous || name == "-" {
				continue
			}
			names = append(names, name)
			if option != "omitempty" {
				required = append(required, name)
			}
			p := said.properties[name]
			if p == nil {
				continue // The names differ.
			}
			null := f.Type.Kind() == reflect.Pointer && option != "omitempty"
			if may := objectOf(p.Value).null; may != null {
				t.Errorf("%s.%s may be null: %t, want %t", at, name, may, null)
			}
			sameFields(t, at+"."+name, f.Type, p.Value)
		}
		slices.Sort(names)
		slices.Sort(required)
		slices.Sort(said.required)
		if diff := cmp.Diff(names, slices.Sorted(maps.Keys(said.properties))); diff != "" {
			t.Errorf("%s (-fields +in the file):\n%s", at, diff)
		}
		if diff := cmp.Diff(required, said.required); diff != "" {
			t.Errorf("%s (-always there +required in the file):\n%s", at, diff)
		}
	case kind == reflect.Slice:
		if is("array"); said.items != nil {
			sameFields(t, at+"[]", goes.Elem(), said.items)
		}
	case kind == reflect.Map:
		is("object")
	case kind == reflect.Bool:
		is("boolean")
	case kind == reflect.String:
		is("string")
	case kind == reflect.Float64 || kind == reflect.Float32:
		is("number")
	default:
		is("integer")
	}
}

// object is a schema with all that its parts have.
type object struct {
	types, required []string
	format          string
	null            bool
	enum            []any
	properties      openapi3.Schemas
	items           *openapi3.Schema
}

func objectOf(s *openapi3.Schema) object {
	o := object{types: s.Type.Slice(), required: slices.Clone(s.Required), format: s.Format, enum: s.Enum, properties: maps.Clone(s.Properties)}
	o.null = slices.Contains(o.types, "null") || slices.ContainsFunc(s.OneOf, func(one *openapi3.SchemaRef) bool { return one.Value.Type.Is("null") })
	if s.Items != nil {
		o.items = s.Items.Value
	}
	if o.properties == nil {
		o.properties = openapi3.Schemas{}
	}
	for _, part := range s.AllOf {
		p := objectOf(part.Value)
		o.types, o.required, o.enum = append(o.types, p.types...), append(o.required, p.required...), append(o.enum, p.enum...)
		o.null = o.null || p.null
		if p.items != nil {
			o.items = p.items
		}
		maps.Copy(o.properties, p.properties)
	}
	return o
}
