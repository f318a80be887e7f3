"""The script of the naive page: every run reads all sessions with pandas and sums them for two charts."""

from __future__ import annotations

import pandas as pd
import streamlit as st
from plotly import graph_objects as go

from dashboard import resources

sessions = pd.read_sql("SELECT * FROM charging_sessions", resources.engine())
sessions["start_time"] = pd.to_datetime(sessions["start_time"])
sessions["stop_time"] = pd.to_datetime(sessions["stop_time"])
newest = sessions["stop_time"].max()
shown = sessions[sessions["stop_time"] > newest - pd.Timedelta(days=30)]
days = shown.groupby(shown["stop_time"].dt.date)["energy_wh"].sum() / 1000
hours = shown.groupby([shown["start_time"].dt.dayofweek, shown["start_time"].dt.hour]).size().unstack()

st.title("Overview")
for column, (name, value) in zip(
    st.columns(3),
    {
        "Sessions": f"{len(shown):,}",
        "Energy, kWh": f"{shown['energy_wh'].sum() / 1000:,.0f}",
        "Revenue": f"{shown['cost'].astype(float).sum():,.2f}",
    }.items(),
    strict=True,
):
    column.metric(name, value)
st.plotly_chart(go.Figure(go.Bar(x=days.index, y=days)), key="trend")
st.plotly_chart(go.Figure(go.Heatmap(z=hours)), key="arrivals")
